import type { Effects } from "./effects.ts";

/** Waits that can be cut short together. */
export interface Pauses {
  readonly pause: (ms: number) => Promise<void>;
  /** Ends every wait now. */
  readonly wake: () => void;
}

/** Creates a set of waits. */
export function createPauses(after: Effects["after"]): Pauses {
  const waiting = new Set<() => void>();
  return {
    pause: (ms) =>
      new Promise((resolve) => {
        const go = (): void => {
          cancel();
          waiting.delete(go);
          resolve();
        };
        const cancel = after(ms, go);
        waiting.add(go);
      }),
    wake: () => waiting.forEach((go) => go()),
  };
}
