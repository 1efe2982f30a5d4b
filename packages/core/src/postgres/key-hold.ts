import type { KeyHold } from "../store.ts";

/** For how long after its job's completion a key is held, as its row says it: null for ever, and beside a window. */
export function keepMsOf(hold: KeyHold): number | null {
  return hold.kind === "job" ? hold.afterCompletionMs : null;
}

/** How long a key is held from now on whatever becomes of its job, or null. */
export function windowMsOf(hold: KeyHold): number | null {
  return hold.kind === "window" ? hold.ms : null;
}
