const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Calls `fire` after `ms`, which may be longer than the 24.8 days that `setTimeout` takes. The answer cancels it. */
export function longTimer(fire: () => void, ms: number): () => void {
  let timer: NodeJS.Timeout;
  const arm = (left: number): void => {
    timer =
      left > LONGEST_TIMER_MS ? setTimeout(arm, LONGEST_TIMER_MS, left - LONGEST_TIMER_MS) : setTimeout(fire, left);
  };
  arm(ms);
  return () => clearTimeout(timer);
}
