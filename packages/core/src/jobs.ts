import { isSettledJobStatus, JOB_STATUSES, LIMITS, type StoredJobStatus } from "@forge-jobs/protocol";
import { setTimeout as sleep } from "node:timers/promises";
import { actor } from "./act-options.ts";
import { createDeadLetters } from "./dead-letters.ts";
import { ForgeError, shown } from "./errors.ts";
import type { Job, JobListOptions, Jobs } from "./forge-types.ts";
import { checkId } from "./id.ts";
import { checkLimit, refuseRun, unknownJob } from "./job-arguments.ts";
import { jobEventOf, jobLogLineOf, jobOf } from "./job-record.ts";
import { checkText, refuseUnknownOptions } from "./options.ts";
import { checkMaxAttempts } from "./retry-options.ts";
import type { Store } from "./store.ts";
import { clipText } from "./values.ts";

const WAIT_POLL_MS = 1_000;

/** The verbs over jobs that exist; `onCancelled` tells the worker of this process, so that it need not wait for a hint. */
export function createJobs(
  store: Store,
  onCancelled: (id: string) => void,
  onMoved: (ids: readonly string[], status: StoredJobStatus) => void,
): Jobs {
  const get = async (id: string, options: { history?: boolean; logs?: boolean } = {}): Promise<Job | null> => {
    refuseUnknownOptions("jobs.get", options, ["history", "logs"]);
    const jobId = checkId(id, "A job's id");
    const [[record], history, logs] = await Promise.all([
      store.jobs.get({ ids: [jobId] }),
      options.history === true ? store.history.read({ jobIds: [jobId] }) : null,
      options.logs === true ? store.logs.read({ jobIds: [jobId] }) : null,
    ]);
    if (record === undefined) return null;
    return {
      ...jobOf(record),
      ...(history !== null && { history: history.map(jobEventOf) }),
      ...(logs !== null && { logs: logs.map(jobLogLineOf) }),
    };
  };

  const wait = async (id: string, options: { signal?: AbortSignal } = {}): Promise<Job> => {
    refuseUnknownOptions("jobs.wait", options, ["signal"]);
    const jobId = checkId(id, "A job's id");
    let moved = Promise.withResolvers<void>();
    const wake = (): void => moved.resolve();
    const unsubscribe = store.changes.subscribe({
      onAvailable: () => {},
      onMoved: (hints) => {
        if (hints === "any" || hints.some((hint) => hint.id === jobId)) wake();
      },
      onLive: () => {},
    });
    options.signal?.addEventListener("abort", wake, { once: true });
    try {
      for (;;) {
        options.signal?.throwIfAborted();
        // Before the read: a change between it and the wait must not be missed.
        moved = Promise.withResolvers();
        const job = await get(jobId);
        if (job === null) throw unknownJob(jobId);
        if (isSettledJobStatus(job.status)) return job;
        const poll = new AbortController();
        await Promise.race([moved.promise, sleep(WAIT_POLL_MS, undefined, { signal: poll.signal }).catch(() => {})]);
        poll.abort();
      }
    } finally {
      unsubscribe();
      options.signal?.removeEventListener("abort", wake);
    }
  };

  return {
    get,
    wait,
    list: async (options = {}) => {
      const query = listQuery(options);
      // One more than asked tells whether there is another page.
      const records = await store.jobs.list({ ...query, limit: query.limit + 1 });
      const jobs = records.slice(0, query.limit).map(jobOf);
      return { jobs, cursor: records.length > query.limit ? (jobs.at(-1)?.id ?? null) : null };
    },
    cancel: async (id, options = {}) => {
      refuseUnknownOptions("jobs.cancel", options, ["reason", "by"]);
      const jobId = checkId(id, "A job's id");
      const { reason: said = "cancelled by user" } = options;
      if (typeof said !== "string" || said === "")
        throw new ForgeError("BAD_REQUEST", `reason must be text that says something; got ${shown(said)}.`);
      const reason = clipText(said, LIMITS.errorBytes);
      const [result] = await store.jobs.cancel({ ids: [jobId], reason, ...actor(options.by) });
      if (result === "not_found") throw unknownJob(jobId);
      if (result === "settled") return;
      onCancelled(jobId);
      onMoved([jobId], result === "requested" ? "cancel_requested" : "cancelled");
    },
    retry: async (id, options = {}) => {
      refuseUnknownOptions("jobs.retry", options, ["maxAttempts", "by"]);
      const jobId = checkId(id, "A job's id");
      await refuseRun(store, jobId, "jobs.retry");
      const [result] = await store.jobs.retry({
        ids: [jobId],
        ...(options.maxAttempts !== undefined && { maxAttempts: checkMaxAttempts("maxAttempts", options.maxAttempts) }),
        ...actor(options.by),
      });
      if (result === "not_found") throw unknownJob(jobId);
      if (result === "not_settled") {
        throw new ForgeError(
          "CONFLICT",
          `Job ${jobId} is under way or completed; only failed, dead and cancelled jobs can be retried.`,
        );
      }
      if (result === "discarded") {
        throw new ForgeError("CONFLICT", `Job ${jobId} was discarded, which is final; dispatch a new one.`);
      }
      if (result === "key_held") {
        throw new ForgeError(
          "KEY_HELD",
          `Job ${jobId} cannot be retried: another job holds its idempotency key by now. Watch that one, or cancel it first.`,
        );
      }
      onMoved([jobId], "pending");
    },
    ...createDeadLetters(store, onMoved, Math.random),
    states: async (ids) => store.jobs.states({ ids: ids.map((id) => checkId(id, "A job's id")) }),
  };
}

function listQuery(
  options: JobListOptions,
): { limit: number } & Omit<JobListOptions, "limit" | "cursor"> & { before?: string } {
  refuseUnknownOptions("jobs.list", options, ["status", "type", "queue", "owner", "parent", "cursor", "limit"]);
  const { cursor, limit, ...filters } = options;
  if (filters.status !== undefined && !JOB_STATUSES.includes(filters.status)) {
    throw new ForgeError(
      "BAD_REQUEST",
      `status must be one of ${JOB_STATUSES.join(", ")}; got ${shown(filters.status)}.`,
    );
  }
  for (const name of ["type", "queue", "owner"] as const) {
    if (filters[name] !== undefined) checkText(name, filters[name]);
  }
  if (filters.parent !== undefined) checkId(filters.parent, "parent");
  return { ...filters, limit: checkLimit(limit), ...(cursor !== undefined && { before: checkId(cursor, "cursor") }) };
}
