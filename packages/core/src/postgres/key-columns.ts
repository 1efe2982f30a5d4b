import { createHash } from "node:crypto";
import type { KeyHold } from "../store.ts";

/** A row of an index holds a third of a page, so scope and key together must stay below 2,700 bytes. */
const INDEXED_BYTES = 1_000;

/** A scope or key as it stands in its column: a long one as its SHA-256. */
export function indexable(text: string): string {
  if (Buffer.byteLength(text) <= INDEXED_BYTES) return text;
  return `sha256:${createHash("sha256").update(text).digest("base64url")}`;
}

/** For how long after its job's completion a key is held, as its row says it: null for ever, and beside a window. */
export function keepMsOf(hold: KeyHold): number | null {
  return hold.kind === "job" ? hold.afterCompletionMs : null;
}

/** How long a key is held from now on whatever becomes of its job, or null. */
export function windowMsOf(hold: KeyHold): number | null {
  return hold.kind === "window" ? hold.ms : null;
}
