import type { JobContext } from "../context.ts";
import type { JobDefinition } from "../define.ts";
import type { JobOverrides } from "../dispatch.ts";
import { isNamedBy } from "../error-match.ts";
import { ForgeError } from "../errors.ts";
import { JsonOutput } from "../isolate/isolated-call.ts";
import type { Logger } from "../logger.ts";
import { type AbortCode, Dead, type JobAborted, RateLimited, Snooze } from "../outcomes.ts";
import { type QueueBackoff, retryDelayMs, retryPolicy } from "../retry-policy.ts";
import type { ClaimedJob, Outcome } from "../store.ts";
import { serialiseOutput } from "../values.ts";
import { Hopeless, runError } from "./failure.ts";
import { inTime } from "../in-time.ts";
import { PlaceReserved } from "./job-rate-limit.ts";

/** What is known of a run when its handler has ended, or is given up on. */
export interface Ending {
  readonly job: ClaimedJob;
  readonly definition: JobDefinition;
  readonly overrides: JobOverrides;
  readonly queueBackoff: QueueBackoff | null;
  readonly abortedBy: JobAborted | null;
  readonly cancelRequested: boolean;
  /** What the handler was called with; null where it was not. */
  readonly called: { readonly ctx: JobContext; readonly input: unknown } | null;
  readonly log: Logger;
  readonly random: () => number;
}

const DISCARD_MS = 5_000;
const DRAIN_MS = 5_000;

/** Why a handler is told to stop for reasons of its process: its job goes back, uncounted. */
const NOT_ITS_FAULT: ReadonlySet<AbortCode> = new Set(["SHUTDOWN", "SCALED_DOWN", "LEASE_LOST"]);

/** The output as it is stored. Throws `Hopeless` where JSON or the size limit refuses it. */
export function outputJson({ job, log }: Pick<Ending, "job" | "log">, output: unknown): string {
  if (output instanceof JsonOutput) return output.json;
  try {
    const { json, mended } = serialiseOutput(output, `The output of ${job.type}`);
    if (mended) log.warn("The output held NUL or half surrogate pairs; they were replaced", { jobId: job.id });
    return json;
  } catch (cause) {
    const why = cause instanceof ForgeError ? cause.message : "it cannot be serialised.";
    throw new Hopeless("OUTPUT_INVALID", why, { cause });
  }
}

/** What it means that its handler threw, or did not heed its signal. Never rejects. */
export async function endedBadly(ending: Ending, thrown: unknown): Promise<Outcome> {
  const { job, definition, abortedBy, cancelRequested } = ending;
  if (thrown instanceof Snooze) return { kind: "given_back", delayMs: thrown.delayMs };
  if (thrown instanceof PlaceReserved) return { kind: "given_back", delayMs: thrown.leftMs };
  if (thrown instanceof RateLimited) {
    await drain(ending, thrown);
    return { kind: "given_back", delayMs: thrown.retryAfterMs };
  }
  const error = runError(definition, job.id, thrown);
  // A run of a workflow that failed is no dead letter: nothing but a restart takes it up again.
  if (thrown instanceof Dead) return { kind: definition.workflow === null ? "dead_letter" : "failed", ...error };
  if (abortedBy !== null && NOT_ITS_FAULT.has(abortedBy.code)) return { kind: "given_back", delayMs: 0 };
  // The store makes a cancellation of it, with the reason that its row holds.
  if (cancelRequested) return { kind: "failed", ...error };
  if (thrown instanceof Hopeless) return hopeless(ending, thrown);
  if (await isDiscarded(ending, thrown)) {
    ending.log.debug("A job's discardIf drops it", { jobId: job.id, jobType: job.type, error: error.error });
    return { kind: "discarded", ...error };
  }
  return failed(ending, thrown);
}

/** What a failure means that no further run can mend. */
export function hopeless(ending: Ending, thrown: Hopeless): Outcome {
  return failed(ending, thrown);
}

function failed(ending: Ending, thrown: unknown): Outcome {
  const { job, definition, overrides, queueBackoff, abortedBy, log } = ending;
  const error = runError(definition, job.id, thrown);
  // What the release before stored has every field.
  const policy = retryPolicy(queueBackoff, definition.retry, overrides.retryLayer ?? overrides.retry ?? {});
  // A handler that heeds its signal may throw what it likes; that its time was up counts as well.
  const isNamed =
    policy.on === null || isNamedBy(policy.on, thrown) || (abortedBy !== null && isNamedBy(policy.on, abortedBy));
  const runsLeft = thrown instanceof Hopeless || !isNamed ? 0 : Math.max(job.maxAttempts - job.attempt, 0);
  log.warn("A run failed", {
    jobId: job.id,
    jobType: job.type,
    attempt: job.attempt,
    runsLeft,
    error: error.error,
  });
  if (runsLeft === 0) return { kind: "failed", ...error };
  const failures = Math.max(1, policy.maxAttempts - runsLeft);
  return { kind: "retry", delayMs: retryDelayMs(policy, failures, thrown, ending), ...error };
}

async function drain({ job, called, log }: Ending, { scope, retryAfterMs }: RateLimited): Promise<void> {
  try {
    if (called !== null) await inTime(called.ctx.rateLimit.drain(scope, retryAfterMs), DRAIN_MS);
  } catch (cause) {
    log.warn("A rate limit could not be drained; only this job waits", { jobId: job.id, scope, cause });
  }
}

async function isDiscarded({ job, definition, called, log }: Ending, thrown: unknown): Promise<boolean> {
  if (definition.discardIf === null || called === null) return false;
  try {
    return (await inTime(definition.discardIf(called.input, thrown, called.ctx), DISCARD_MS)) === true;
  } catch (cause) {
    log.warn("A job's discardIf threw or took longer than 5 s; the job is retried as usual", {
      jobId: job.id,
      jobType: job.type,
      cause,
    });
    return false;
  }
}
