import { JOB_STATUSES } from "@forge-jobs/protocol";
import type { RunUpdate } from "@forge-jobs/core";
import { expect } from "./expect.ts";
import { jobIn, OUTCOME_KINDS, OUTCOMES } from "./job-in.ts";
import { claimJob, newJob, readJob, retryJob, updateJob } from "./one-job.ts";
import type { Case, Suite } from "./suite.ts";

/** Everything a run can say. */
const WORDS: readonly Partial<RunUpdate>[] = [
  { started: true },
  { progress: 99, message: "stale words" },
  ...OUTCOME_KINDS.map((kind) => ({ outcome: OUTCOMES[kind] })),
  ...OUTCOME_KINDS.map((kind) => ({ started: true, progress: 99, outcome: OUTCOMES[kind] })),
];

const UNHELD = JOB_STATUSES.filter((status) => !["claimed", "running", "cancel_requested"].includes(status));

const wrongClaim = (status: (typeof JOB_STATUSES)[number]): Case => ({
  name: `the wrong fence changes nothing of a job that is ${status}`,
  async run({ store }) {
    const job = await jobIn(store, status);
    const before = await readJob(store, job.id);
    for (const claimNo of [job.claimNo - 1, job.claimNo + 1]) {
      const answers = await Promise.all(WORDS.map((says) => updateJob(store, { id: job.id, claimNo }, says)));
      expect(new Set(answers.map(({ result }) => result))).toEqual(new Set(["stale"]));
    }
    expect(await readJob(store, job.id)).toEqual(before);
  },
});

const noLongerHeld = (status: (typeof JOB_STATUSES)[number]): Case => ({
  name: `the last fence changes nothing of a job that is ${status}`,
  async run({ store }) {
    const job = await jobIn(store, status);
    const before = await readJob(store, job.id);
    // The outcome that ended it is answered "applied" again, anything else "stale"; nothing is written for either.
    await Promise.all(WORDS.map((says) => updateJob(store, job, says)));
    expect(await readJob(store, job.id)).toEqual(before);
    expect(await updateJob(store, job, { progress: 99 })).toMatchObject({ result: "stale" });
  },
});

const resent = (kind: (typeof OUTCOME_KINDS)[number], from: "running" | "claimed" | "cancel_requested"): Case => ({
  name: `${kind} of a job that is ${from}, sent again, recognises its own success and changes nothing`,
  async run({ store, other }) {
    const job = await jobIn(store, from);
    const says = { started: from === "claimed", progress: 80, outcome: OUTCOMES[kind] };
    await updateJob(store, job, says);
    const before = await readJob(store, job.id);
    for (const through of [store, other]) {
      expect(await updateJob(through, job, says)).toEqual({ id: job.id, result: "applied", cancelRequested: false });
    }
    expect(await readJob(store, job.id)).toEqual(before);
  },
});

/** Who may write: the run that holds the row now, and nobody else. */
export const fenceSuite: Suite = {
  topic: "fence",
  cases: [
    ...JOB_STATUSES.map(wrongClaim),
    ...UNHELD.map(noLongerHeld),
    ...OUTCOME_KINDS.map((kind) => resent(kind, "running")),
    ...OUTCOME_KINDS.map((kind) => resent(kind, "claimed")),
    ...OUTCOME_KINDS.map((kind) => resent(kind, "cancel_requested")),
    {
      name: "a run that was given back or retried is stale once another claim has the row",
      async run({ store }) {
        for (const kind of ["given_back", "retry"] as const) {
          const job = await jobIn(store, "running");
          await updateJob(store, job, { outcome: OUTCOMES[kind] });
          const run = await claimJob(store, job);
          await updateJob(store, run, { started: true });
          const before = await readJob(store, job.id);
          for (const says of WORDS) {
            expect(await updateJob(store, job, says)).toMatchObject({ id: job.id, result: "stale" });
          }
          expect(await readJob(store, job.id)).toEqual(before);
        }
      },
    },
    {
      name: "an outcome that comes again after a person's retry leaves the pending job alone",
      async run({ store }) {
        for (const status of ["failed", "dead_letter", "cancelled"] as const) {
          const job = await jobIn(store, status);
          await retryJob(store, job.id);
          const before = await readJob(store, job.id);
          for (const says of WORDS) await updateJob(store, job, says);
          expect(await readJob(store, job.id)).toEqual(before);
        }
      },
    },
    {
      name: "a job that does not exist is stale",
      async run({ store }) {
        const { id } = newJob();
        for (const says of WORDS) {
          expect(await updateJob(store, { id, claimNo: 1 }, says)).toMatchObject({ id, result: "stale" });
        }
        expect(await store.jobs.get({ ids: [id] })).toEqual([]);
      },
    },
    {
      name: "of two outcomes of one run at once, one settles",
      async run({ store, other }) {
        for (let round = 0; round < 10; round++) {
          const job = await jobIn(store, "running");
          const { revision } = await readJob(store, job.id);
          await Promise.all([
            updateJob(store, job, { outcome: OUTCOMES.completed }),
            updateJob(other, job, { outcome: OUTCOMES.failed }),
          ]);
          const { status, output, error, revision: after } = await readJob(store, job.id);
          expect(after).toBe(revision + 1);
          if (status === "completed")
            expect({ output, error }).toEqual({ output: OUTCOMES.completed.output, error: null });
          else
            expect({ status, output, error }).toEqual({ status: "failed", output: null, error: OUTCOMES.failed.error });
        }
      },
    },
  ],
};
