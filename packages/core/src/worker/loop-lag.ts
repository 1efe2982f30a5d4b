import type { Logger } from "../logger.ts";

const TICKS = 10;

/**
 * Warns when the event loop stood still for longer than `limitMs`: what blocks it, blocks the lease's renewal, and at three
 * times as long other processes take this one's jobs over. It measures from one tick to the next, a tenth of the limit
 * apart, and so by a tick too much at most. The answer ends the watch.
 *
 * A timer that is due once in `limitMs` would see of a block only what is left of it by then. The runtime's own histogram
 * (`monitorEventLoopDelay`) forgets a block if it is reset between that block's end and its tick.
 */
export function watchLoopLag(limitMs: number, log: Logger): () => void {
  let last = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    const lagMs = now - last;
    last = now;
    if (lagMs <= limitMs) return;
    log.warn(
      "The event loop stood still for longer than a third of the lease: a handler computed without a break, or the machine slept. Other processes take over the jobs of one that stands still for a whole lease.",
      { lagMs: Math.round(lagMs) },
    );
  }, limitMs / TICKS);
  timer.unref();
  return () => clearInterval(timer);
}
