import type { ErrorCode } from "@forge-jobs/protocol";
import { inspect } from "node:util";

/** What a `ForgeError` carries besides its sentence. */
export interface ForgeErrorOptions {
  /** The offending value or values, for programs; never shown to a browser. */
  details?: unknown;
  /** When it makes sense to try again, in milliseconds. */
  retryAfterMs?: number;
  cause?: unknown;
}

/**
 * Every error that this package throws at its callers.
 *
 * `code` is of the closed table in `@forge-jobs/protocol`; the message says what failed, with which value, and what to do
 * next. `cause` keeps the driver's error, which is for logs only.
 */
export class ForgeError extends Error {
  override readonly name: string = "ForgeError";
  readonly code: ErrorCode;
  readonly details: unknown;
  readonly retryAfterMs: number | undefined;

  constructor(code: ErrorCode, message: string, options: ForgeErrorOptions = {}) {
    super(message, "cause" in options ? { cause: options.cause } : undefined);
    this.code = code;
    this.details = options.details;
    this.retryAfterMs = options.retryAfterMs;
  }
}

const LONGEST_SHOWN = 100;
const SHOWN_AS = {
  depth: 1,
  breakLength: Infinity,
  compact: true,
  maxArrayLength: 10,
  maxStringLength: LONGEST_SHOWN,
};

/** An offending value as it stands in an error's sentence: as one would write it in code, cut short. Never throws. */
export function shown(value: unknown): string {
  let text: string;
  try {
    text = typeof value === "string" ? JSON.stringify(value.slice(0, LONGEST_SHOWN + 1)) : inspect(value, SHOWN_AS);
  } catch {
    text = `a value of type ${typeof value}`;
  }
  return text.length > LONGEST_SHOWN ? `${text.slice(0, LONGEST_SHOWN)}…` : text;
}
