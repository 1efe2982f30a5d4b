import { setTimeout as sleep } from "node:timers/promises";
import { inspect } from "node:util";

export interface UntilOptions {
  /** What is awaited, as the end of the sentence "Waited 5000 ms for …". */
  readonly what: string;
  /** Milliseconds after which the wait fails. Default 10000. */
  readonly within?: number;
  /** Milliseconds between two looks. Default 20. */
  readonly every?: number;
}

/**
 * Looks again and again until `condition` gives a truthy value, and returns that value.
 *
 * Only for what sends no signal (another process, a port, a file): where an event or a promise exists, await that.
 * A condition that throws counts as not yet met; its last error is the cause of the failure.
 */
export async function until<T>(
  condition: () => T | Promise<T>,
  { what, within = 10_000, every = 20 }: UntilOptions,
): Promise<NonNullable<T>> {
  const deadline = performance.now() + within;
  let lastError: unknown;
  let lastValue: unknown;
  for (;;) {
    try {
      const value = await condition();
      if (value) return value;
      lastValue = value;
      lastError = undefined;
    } catch (error) {
      lastError = error;
    }
    if (performance.now() >= deadline) {
      const seen = lastError === undefined ? `last seen: ${inspect(lastValue)}` : `last error: ${inspect(lastError)}`;
      throw new Error(`Waited ${within} ms for ${what} (${seen})`, { cause: lastError });
    }
    await sleep(every);
  }
}
