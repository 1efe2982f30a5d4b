import type { ErrorCode } from "@forge-jobs/protocol";
import { ForgeError } from "../errors.ts";

/** What kind of trouble an error of the driver is; it decides who tries again, and what the caller is told. */
export type Trouble =
  /** No answer: the connection could not be made or was lost. Sent again, since every verb stands being sent twice. */
  | "lost"
  /** Another transaction was in the way. Sent again. */
  | "conflict"
  /** The database answers, but cannot do this now: no space, out of memory, a time-out of the operator's. */
  | "exhausted"
  /** It does not let this role in, or has no such database. */
  | "refused"
  /** Forge's tables are not there, or not all of their columns. */
  | "unmigrated"
  /** The row's data is at fault. */
  | "data"
  /** A mistake of ours, or an error that already says what it means. */
  | "unexpected";

const BY_CODE: Readonly<Record<string, Trouble>> = {
  "25006": "lost", // read-only: this server is no longer the primary
  "40001": "conflict",
  "40P01": "conflict",
  "55P03": "conflict",
  "57P01": "lost",
  "57P02": "lost",
  "57P03": "lost",
  "57P05": "lost",
  "53300": "lost",
  "57014": "exhausted",
  "3D000": "refused",
  "3F000": "unmigrated",
  "42P01": "unmigrated",
  "42703": "unmigrated",
  "42501": "refused",
};

const BY_CLASS: Readonly<Record<string, Trouble>> = {
  "08": "lost",
  "22": "data",
  "23": "data",
  "28": "refused",
  "53": "exhausted",
  "54": "data",
  "58": "exhausted",
};

/** Tells what kind of trouble an error of `pg` is. */
export function troubleOf(error: unknown): Trouble {
  if (error instanceof ForgeError) return "unexpected";
  const state = sqlState(error);
  if (state !== null) return BY_CODE[state] ?? BY_CLASS[state.slice(0, 2)] ?? "unexpected";
  // Everything else that does not come from the server is the driver's word, or the socket's, that
  // there is no connection: most of it has no code to go by.
  if (error instanceof TypeError || error instanceof RangeError) return "unexpected";
  return "lost";
}

/** When it makes sense to ask again after a database did not answer. */
const RETRY_AFTER_MS = 1_000;

type Sentence = (address: string, state: string) => string;

const SENTENCES: Readonly<Record<Trouble, readonly [ErrorCode, Sentence]>> = {
  lost: ["UNAVAILABLE", (address) => `PostgreSQL at ${address} does not answer; start it, or check the URL.`],
  conflict: ["UNAVAILABLE", (address, state) => `Other transactions were in the way at ${address}${state}; try again.`],
  exhausted: ["UNAVAILABLE", (address, state) => `PostgreSQL at ${address} cannot do this now${state}; see its log.`],
  refused: ["UNAVAILABLE", (address, state) => `PostgreSQL at ${address} refuses this role or database${state}.`],
  unmigrated: [
    "UNAVAILABLE",
    (address, state) =>
      `The tables at ${address} are not those of this release${state}; start an engine without \`migrate: false\`, which migrates them.`,
  ],
  data: [
    "BAD_REQUEST",
    (address, state) => `PostgreSQL at ${address} refuses the data${state}; see the cause for which.`,
  ],
  unexpected: [
    "INTERNAL",
    (address, state) => `Unexpected trouble with PostgreSQL at ${address}${state}; see the cause.`,
  ],
};

/** The error that callers of a store see in place of the driver's, which becomes its cause. */
export function storeError(error: unknown, address: string): ForgeError {
  if (error instanceof ForgeError) return error;
  const [code, sentence] = SENTENCES[troubleOf(error)];
  const state = sqlState(error);
  return new ForgeError(code, sentence(address, state === null ? "" : ` (SQLSTATE ${state})`), {
    cause: error,
    ...(code === "UNAVAILABLE" && { retryAfterMs: RETRY_AFTER_MS }),
  });
}

const STATE = /^[0-9A-Z]{5}$/;

/** The SQLSTATE of a driver's error, or null. By shape and not by class: a caller's client may come from another copy of `pg`. */
export function sqlState(error: unknown): string | null {
  for (const said of wordsOf(error)) {
    // Beside a severity, since the codes of Node's own errors may look the same. Prisma keeps it under a name of its own.
    const state = "severity" in said && "code" in said ? said.code : "originalCode" in said ? said.originalCode : null;
    if (typeof state === "string" && STATE.test(state)) return state;
  }
  return null;
}

const DEEPEST_CAUSE = 5;

/** An error, and those of the driver that a caller's library wrapped in it: as causes, or as Prisma does it. */
function* wordsOf(error: unknown): Iterable<object> {
  let said: unknown = error;
  for (let depth = 0; depth < DEEPEST_CAUSE && typeof said === "object" && said !== null; depth++) {
    yield said;
    const { cause, meta } = said as { cause?: unknown; meta?: { driverAdapterError?: unknown } | null };
    said = meta?.driverAdapterError ?? cause;
  }
}
