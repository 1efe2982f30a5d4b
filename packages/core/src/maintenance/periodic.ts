import type { Logger } from "../logger.ts";

/**
 * Runs `task` at once and then with `intervalMs` ± 10 % between the end of one run and the start of the next. A run that
 * throws is logged. The answer stops it and resolves once no run is under way.
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
    try {
      await task();
    } catch (cause) {
      log.warn(`The sweep "${name}" failed; it will run again`, { cause });
    }
    if (!stopped) timer = setTimeout(start, intervalMs * (0.9 + 0.2 * random()));
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
