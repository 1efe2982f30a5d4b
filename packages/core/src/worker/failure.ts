import { LIMITS } from "@forge-jobs/protocol";
import { inspect } from "node:util";
import type { JobDefinition } from "../define.ts";
import { JobAborted, PublicError } from "../outcomes.ts";
import type { RunError } from "../store.ts";
import { clipText } from "../values.ts";

const FULL_TEXT_BYTES = 16 * 1024;
const NAME_BYTES = 200;
const SHORT_ID = 8;

/** A failure that no further run can mend; its message begins with the code that operators search for. */
export class Hopeless extends Error {
  readonly code: string;

  constructor(code: "INPUT_INVALID" | "OUTPUT_INVALID", sentence: string, options?: ErrorOptions) {
    super(`${code}: ${sentence}`, options);
    this.code = code;
  }
}

/** The thrown value, or a plain error in place of one that cannot even be looked at, such as a revoked proxy. */
export function tame(thrown: unknown): unknown {
  try {
    void (thrown instanceof Error && thrown.cause);
    return thrown;
  } catch {
    return new Error("A value was thrown that cannot be looked at.");
  }
}

/** What a thrown value becomes: the full text for operators, and the sentence that watchers see. Never throws. */
export function runError(job: JobDefinition, jobId: string, thrown: unknown): RunError {
  return {
    error: clipText(fullText(thrown), FULL_TEXT_BYTES),
    errorName: errorName(thrown),
    publicError: clipText(publicSentence(job, jobId, thrown), LIMITS.errorBytes),
  };
}

/** By what name people ask for errors of one sort: what the error calls itself, or else its class. Never throws. */
function errorName(thrown: unknown): string {
  try {
    if (thrown instanceof JobAborted || thrown instanceof Hopeless) return thrown.code;
    if (!(thrown instanceof Error)) return typeof thrown;
    // Many a class is derived from Error without a name of its own.
    const name: unknown = thrown.name === "Error" ? thrown.constructor.name : thrown.name;
    return typeof name === "string" && name !== "" ? clipText(name, NAME_BYTES) : "Error";
  } catch {
    return "Error";
  }
}

/** What watchers see of an error that says nothing public; the id's end lets an operator find the job. */
function plainPublicError(jobId: string): string {
  return `The job failed (…${jobId.slice(-SHORT_ID)})`;
}

function publicSentence(job: JobDefinition, jobId: string, thrown: unknown): string {
  // Errors are objects of the user's making: a getter may throw, and a message may be no text.
  try {
    const said = publicCause(thrown);
    const sentence: unknown = said === null ? job.publicError?.(thrown) : said.message;
    if (typeof sentence === "string" && sentence !== "") return sentence;
  } catch {
    // A broken publicError must not leak the error that it was asked about.
  }
  return plainPublicError(jobId);
}

function publicCause(thrown: unknown): PublicError | null {
  if (thrown instanceof PublicError) return thrown;
  return thrown instanceof Error && thrown.cause instanceof PublicError ? thrown.cause : null;
}

function fullText(thrown: unknown): string {
  try {
    return inspect(thrown, { depth: 3 });
  } catch {
    return "A value was thrown that cannot be shown.";
  }
}
