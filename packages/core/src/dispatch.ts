import canonicalize from "canonicalize";
import { createHash } from "node:crypto";
import { checkName, checkPriority, type JobDefinition, timeoutMs } from "./define.ts";
import { type Duration, durationMs } from "./duration.ts";
import { ForgeError, shown } from "./errors.ts";
import { newId } from "./id.ts";
import { checkText, refuseUnknownOptions } from "./options.ts";
import type { StoredRetention } from "./retention.ts";
import { type RetryLayer, type RetryOptions, storedRetryLayer } from "./retry-options.ts";
import { retryPolicy } from "./retry-policy.ts";
import { describeIssues, parseWith } from "./schema.ts";
import type { KeyClaim, NewJob, Priority } from "./store.ts";
import { serialiseInput } from "./values.ts";

/** What one dispatch may say about its job; it overrides the definition. */
export interface DispatchOptions {
  /**
   * An open transaction on the store's database; the job then exists exactly if it commits. On PostgreSQL the transaction
   * object of `pg`, postgres.js, Drizzle, Kysely, Knex or Prisma; on SQLite a `DatabaseSync` on the same file.
   */
  tx?: unknown;
  /** The earliest instant to run it; not together with `delay`. */
  runAt?: Date;
  /** How long to wait before it may run, by the database's clock. */
  delay?: Duration;
  priority?: Priority;
  queue?: string;
  /** How long one run may take; `false`: as long as it likes. */
  timeout?: Duration | false;
  /** As in the definition, which it overrides option by option; but no function as `backoff`, and no classes in `on`. */
  retry?: RetryOptions | false;
  /** Takes the place of the key that the definition makes; held as the definition says, or while the job is unfinished. */
  idempotencyKey?: string;
  /**
   * `true`: while the job that holds the key is still `pending`, its input, due time and options become those of this
   * dispatch, and it keeps its id; with a `delay`, it runs once nobody has dispatched it for so long. A holder that has
   * started, or waits for a retry, is left alone. Needs a key. Default: the holder is always left alone.
   */
  replace?: boolean;
  /** The principal who may watch and cancel it through the gateway. Default: nobody in particular. */
  owner?: string;
}

/** What a dispatch did: made a job, or met the one that holds its key. */
export interface DispatchReceipt {
  readonly id: string;
  readonly created: boolean;
}

/** What a dispatch overrides of the definition, as it is stored with the job. */
export interface JobOverrides {
  /** Null: none. */
  readonly timeoutMs?: number | null;
  readonly retryLayer?: RetryLayer;
  /** What the release before reads, which knows no layers: every number, and nothing else. */
  readonly retry?: RetryLayer;
  /** The run of a workflow that waits for this job, and is woken when it ends. */
  readonly wakes?: string;
  /** What the definition says of the row of the ended job; the stores read it when the job ends. */
  readonly keep?: StoredRetention;
}

const OPTION_NAMES: readonly (keyof DispatchOptions)[] = [
  "tx",
  "runAt",
  "delay",
  "priority",
  "queue",
  "timeout",
  "retry",
  "idempotencyKey",
  "replace",
  "owner",
];
const REQUEST_HOLD_MS = 24 * 60 * 60_000;
const LATEST_MS = Date.UTC(10_000, 0);

/** All of a new job but what its input decides: the options of one dispatch, checked once for all its inputs. */
export interface JobTemplate {
  readonly row: Omit<NewJob, "id" | "input" | "keys">;
  readonly replace: boolean;
  readonly idempotencyKey: string | null;
}

/** Lays a dispatch's options over the definition. Throws `BAD_REQUEST`. */
export function jobTemplate(job: JobDefinition, options: DispatchOptions): JobTemplate {
  refuseUnknownOptions("dispatch", options, OPTION_NAMES);
  const retry = options.retry === undefined ? {} : storedRetryLayer(options.retry);
  const { maxAttempts, baseDelayMs, maxBackoffMs } = retryPolicy(null, job.retry, retry);
  const overrides: JobOverrides = {
    ...(options.timeout !== undefined && { timeoutMs: timeoutMs(options.timeout, "timeout") }),
    ...(options.retry !== undefined && { retryLayer: retry, retry: { maxAttempts, baseDelayMs, maxBackoffMs } }),
    ...(job.retention !== null && { keep: job.retention }),
  };
  const { replace = false } = options;
  if (typeof replace !== "boolean") {
    throw new ForgeError("BAD_REQUEST", `replace must be true or false; got ${shown(replace)}.`);
  }
  if (replace && options.idempotencyKey === undefined && job.idempotency === null) {
    throw new ForgeError(
      "BAD_REQUEST",
      `replace needs a key that finds the job to replace: pass idempotencyKey, or make ${job.name} idempotent.`,
    );
  }
  return {
    replace,
    row: {
      type: job.name,
      queue: options.queue === undefined ? job.queue : checkName("queue", options.queue),
      priority: options.priority === undefined ? job.priority : checkPriority("priority", options.priority),
      owner: options.owner === undefined ? null : checkText("owner", options.owner),
      maxAttempts,
      due: dueOf(options),
      overrides: Object.keys(overrides).length === 0 ? null : JSON.stringify(overrides),
    },
    idempotencyKey: options.idempotencyKey === undefined ? null : checkText("idempotencyKey", options.idempotencyKey),
  };
}

/**
 * Makes the row of one job: checks the input as the JSON that will be stored, and works out its keys.
 *
 * Throws `INVALID_ARGS` or `TOO_LARGE`; `what` names the input in the sentence.
 */
export async function newJob(
  job: JobDefinition,
  template: JobTemplate,
  input: unknown,
  what: string,
  requestId?: string,
): Promise<NewJob> {
  const json = serialiseInput(input, what);
  if (job.input !== null) {
    // The handler will see what JSON brings back, so that is what the schema must accept: a Date has become a string.
    const result = await parseWith(job.input, input === undefined ? undefined : JSON.parse(json));
    if ("thrown" in result) {
      // Not the caller's fault, and what it says may be a driver's words: the issue must not travel to a browser.
      throw new ForgeError("INTERNAL", `The input schema of ${job.name} threw instead of answering; mend it.`, {
        cause: result.thrown,
      });
    }
    if ("issues" in result) {
      throw new ForgeError("INVALID_ARGS", `${what} is not what ${job.name} takes: ${describeIssues(result.issues)}.`, {
        details: { issues: result.issues },
      });
    }
  }
  const keys = keysOf(job, template, input, json, requestId);
  const row = { ...template.row, id: newId(), input: json, keys, ...(template.replace && { replace: true as const }) };
  if (job.workflow !== null) {
    const { timeoutMs: runMs, steps } = job.workflow;
    return { ...row, run: { timeoutMs: runMs, declared: steps } };
  }
  return job.concurrency === null ? row : { ...row, limitKey: limitKeyOf(job, job.concurrency.key, input) };
}

function keysOf(
  job: JobDefinition,
  template: JobTemplate,
  input: unknown,
  json: string,
  requestId: string | undefined,
): KeyClaim[] {
  const keys: KeyClaim[] = [];
  if (requestId === undefined && template.idempotencyKey === null && job.idempotency === null) return keys;
  // A workflow's keys are the same in all its versions, so that a repeat is still one when a newer version has come meanwhile.
  const scope = JSON.stringify([job.workflow === null ? job.name : `${job.workflow.name}@`, template.row.owner]);
  if (requestId !== undefined) {
    keys.push({ scope: `request:${scope}`, key: requestId, hold: { kind: "window", ms: REQUEST_HOLD_MS } });
  }
  const key = template.idempotencyKey ?? definedKey(job, template.row.owner, input, json);
  if (key !== null) {
    keys.push({ scope: `job:${scope}`, key, hold: job.idempotency?.hold ?? { kind: "job", afterCompletionMs: 0 } });
  }
  return keys;
}

function definedKey(job: JobDefinition, owner: string | null, input: unknown, json: string): string | null {
  if (job.idempotency === null) return null;
  if (job.idempotency.key === null) {
    return createHash("sha256")
      .update(canonicalize(JSON.parse(json)) ?? "null")
      .digest("base64url");
  }
  let key: string;
  try {
    key = job.idempotency.key(input, { owner });
  } catch (cause) {
    throw new ForgeError("INVALID_ARGS", `idempotent.key of ${job.name} threw for this input.`, { cause });
  }
  return checkText(`The key that idempotent.key of ${job.name} made`, key);
}

function limitKeyOf(job: JobDefinition, makeKey: (input: unknown) => string, input: unknown): string {
  let key: string;
  try {
    key = makeKey(input);
  } catch (cause) {
    throw new ForgeError("INVALID_ARGS", `concurrencyKey of ${job.name} threw for this input.`, { cause });
  }
  return checkText(`The key that concurrencyKey of ${job.name} made`, key);
}

function dueOf(options: DispatchOptions): NewJob["due"] {
  if (options.runAt !== undefined && options.delay !== undefined) {
    throw new ForgeError("BAD_REQUEST", "Pass either runAt or delay, not both.");
  }
  if (options.runAt !== undefined) {
    const atMs = options.runAt instanceof Date ? options.runAt.getTime() : Number.NaN;
    if (!(atMs >= 0 && atMs < LATEST_MS)) {
      throw new ForgeError("BAD_REQUEST", `runAt must be a valid Date from 1970 to 9999; got ${shown(options.runAt)}.`);
    }
    return { atMs };
  }
  return { delayMs: options.delay === undefined ? 0 : durationMs(options.delay, "delay") };
}
