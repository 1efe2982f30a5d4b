import type { Logger } from "../logger.ts";

const REST_PER_RUN = 20;

/**
 * Runs `task` at once and then with `intervalMs` ± 10 % between the end of one run and the start of the next, or more after
 * one that took so long that it would take more than a twentieth of the time. A run that throws is logged. The answer stops it and resolves once no run is under way.
 */
export function periodic(
  name: string,
  intervalMs: number,
  task: () => Promise<void>,
  log: Logger,
  random: () => number,
): () => Promise<void> {
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> = Promise.resolve();
  const run = async (): Promise<void> => {
    const began = performance.now();
    try {
      await task();
    } catch (cause) {
      log.warn(`The sweep "${name}" failed; it will run again`, { cause });
    }
    const restMs = Math.max(intervalMs, (performance.now() - began) * REST_PER_RUN);
    if (!stopped) timer = setTimeout(start, restMs * (0.9 + 0.2 * random()));
  };
  const start = (): void => {
    running = run();
  };
  start();
  return async () => {
    stopped = true;
    clearTimeout(timer);
    await running;
  };
}
