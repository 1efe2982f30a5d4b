import type { StoredJobStatus } from "@forge-jobs/protocol";
import { actor } from "./act-options.ts";
import { durationMs } from "./duration.ts";
import { ForgeError, shown } from "./errors.ts";
import type { DeadLetterPage, Job, Jobs, RetryAllResult } from "./forge-types.ts";
import { checkId } from "./id.ts";
import { jobOf } from "./job-record.ts";
import { checkLimit, refuseRun, unknownJob } from "./job-arguments.ts";
import { checkText, refuseUnknownOptions } from "./options.ts";
import type { Store } from "./store.ts";

/** Rows that one step of `retryAll` looks at: a transaction of some ten milliseconds. */
const STEP = 500;

/** The verbs over jobs that failed, and over settled ones; `onMoved` hears of what changed its status. */
export function createDeadLetters(
  store: Store,
  onMoved: (ids: readonly string[], status: StoredJobStatus) => void,
  random: () => number,
): Pick<Jobs, "deadLetters" | "retryAll" | "discard" | "delete"> {
  return {
    deadLetters: async (options = {}) => {
      refuseUnknownOptions("jobs.deadLetters", options, ["limit", "cursor", "type"]);
      const { cursor, type } = options;
      const limit = checkLimit(options.limit);
      const records = await store.ended.deadLetters({
        // One more than asked tells whether there is another page.
        limit: limit + 1,
        ...(type !== undefined && { type: checkText("type", type) }),
        ...(cursor !== undefined && { before: checkId(cursor, "cursor") }),
      });
      const jobs = records.slice(0, limit).map(jobOf);
      return pageOf(jobs, records.length > limit ? (jobs.at(-1)?.id ?? null) : null);
    },

    retryAll: async (options = {}) => {
      refuseUnknownOptions("jobs.retryAll", options, ["type", "queue", "errorName", "limit", "spread", "dryRun", "by"]);
      const { type, queue, errorName, limit = Infinity, dryRun = false } = options;
      if (limit !== Infinity && (!Number.isInteger(limit) || limit < 1)) {
        throw new ForgeError("BAD_REQUEST", `limit must be a whole number of at least 1; got ${shown(limit)}.`);
      }
      if (typeof dryRun !== "boolean")
        throw new ForgeError("BAD_REQUEST", `dryRun must be true or false; got ${shown(dryRun)}.`);
      const spreadMs = options.spread === undefined ? 0 : durationMs(options.spread, "spread");
      const filter = {
        ...(type !== undefined && { type: checkText("type", type) }),
        ...(queue !== undefined && { queue: checkText("queue", queue) }),
        ...(errorName !== undefined && { errorName: checkText("errorName", errorName) }),
      };
      const by = actor(options.by);
      const result: RetryAllResult = { matched: 0, retried: 0, keyHeld: 0 };
      // Oldest first and never back: a job that fails once more meanwhile is not met again.
      let after: string | null = null;
      do {
        const found = await store.ended.findDead({ ...filter, limit: STEP, ...(after !== null && { after }) });
        const ids = found.ids.slice(0, limit - result.matched);
        result.matched += ids.length;
        if (!dryRun && ids.length > 0) {
          const delaysMs = ids.map(() => Math.round(spreadMs * random()));
          const answers = await store.jobs.retry({ ids, delaysMs, ...by });
          const retried = ids.filter((_, n) => answers[n] === "retried");
          result.retried += retried.length;
          result.keyHeld += answers.filter((answer) => answer === "key_held").length;
          onMoved(retried, "pending");
        }
        after = found.reached;
      } while (after !== null && result.matched < limit);
      return result;
    },

    discard: async (id, options = {}) => {
      refuseUnknownOptions("jobs.discard", options, ["by"]);
      const jobId = checkId(id, "A job's id");
      await refuseRun(store, jobId, "jobs.discard");
      const [before] = await store.jobs.states({ ids: [jobId] });
      const [result] = await store.ended.discard({ ids: [jobId], ...actor(options.by) });
      if (result === "not_found") throw unknownJob(jobId);
      if (result === "not_failed") {
        throw new ForgeError("CONFLICT", `Job ${jobId} is neither failed nor dead; only those can be discarded.`);
      }
      if (before?.status === "dead_letter") onMoved([jobId], "failed");
    },

    delete: async (id, options = {}) => {
      refuseUnknownOptions("jobs.delete", options, ["by"]);
      const jobId = checkId(id, "A job's id");
      const [result] = await store.ended.delete({ ids: [jobId], ...actor(options.by) });
      if (result === "not_found") throw unknownJob(jobId);
      if (result === "not_settled") {
        throw new ForgeError(
          "CONFLICT",
          `Job ${jobId} is under way; cancel it first, and delete it once it has ended.`,
        );
      }
    },
  };
}

function pageOf(jobs: Job[], cursor: string | null): DeadLetterPage {
  return { jobs, cursor, [Symbol.iterator]: () => jobs[Symbol.iterator]() };
}
