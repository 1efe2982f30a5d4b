import { JOB_STATUSES } from "@forge-jobs/protocol";
import type { SavedValue, Store } from "@forge-jobs/core";
import { expect } from "./expect.ts";
import { jobIn, OUTCOMES } from "./job-in.ts";
import { claimJob, only, readJob, retryJob, updateJob } from "./one-job.ts";
import { rescueWorker } from "./one-worker.ts";
import type { Case, Suite } from "./suite.ts";

async function save(store: Store, run: { id: string; claimNo: number }, key: string, value: unknown): Promise<boolean> {
  const { id, claimNo } = run;
  return only(await store.saved.write({ values: [{ id, claimNo, key, value: JSON.stringify(value) }] }));
}

/** What a job saved, by key. */
async function savedOf(store: Store, id: string): Promise<Record<string, unknown>> {
  const values = await store.saved.read({ ids: [id] });
  expect(new Set(values.map((one) => one.id)).size).toBeLessThan(2);
  return Object.fromEntries(values.map(({ key, value }) => [key, JSON.parse(value)]));
}

const HELD = ["claimed", "running", "cancel_requested"] as const;
const UNHELD = JOB_STATUSES.filter((status) => !(HELD as readonly string[]).includes(status));

const held = (status: (typeof HELD)[number]): Case => ({
  name: `a run whose job is ${status} saves, and no revision rises`,
  async run({ store, other }) {
    const job = await jobIn(store, status);
    const before = await readJob(store, job.id);
    expect(await save(store, job, "offset", { row: 7 })).toBe(true);
    expect(await savedOf(other, job.id)).toEqual({ offset: { row: 7 } });
    expect(await readJob(store, job.id)).toEqual(before);
    for (const claimNo of [job.claimNo - 1, job.claimNo + 1]) {
      expect(await save(store, { id: job.id, claimNo }, "offset", "stale")).toBe(false);
    }
    expect(await savedOf(store, job.id)).toEqual({ offset: { row: 7 } });
  },
});

const unheld = (status: (typeof JOB_STATUSES)[number]): Case => ({
  name: `nothing is saved for a job that is ${status}`,
  async run({ store }) {
    const job = await jobIn(store, status);
    expect(await save(store, job, "offset", 1)).toBe(false);
    expect(await savedOf(store, job.id)).toEqual({});
  },
});

/** What jobs save for their later runs. */
export const savedSuite: Suite = {
  topic: "saved",
  cases: [
    ...HELD.map(held),
    ...UNHELD.map(unheld),
    {
      name: "a batch is answered in its order; of two values of a key the later stands",
      async run({ store }) {
        const [first, second] = [await jobIn(store, "running"), await jobIn(store, "running")];
        await save(store, first, "a", "before");
        const value = (run: { id: string; claimNo: number }, key: string, text: string) => ({
          id: run.id,
          claimNo: run.claimNo,
          key,
          value: JSON.stringify(text),
        });
        const answers = await store.saved.write({
          values: [
            value(second, "a", "one"),
            value(first, "a", "two"),
            value({ id: first.id, claimNo: first.claimNo + 1 }, "a", "stale"),
            value(first, "a", "three"),
            value(first, "b", "four"),
          ],
        });
        expect(answers).toEqual([true, true, false, true, true]);
        expect(await savedOf(store, first.id)).toEqual({ a: "three", b: "four" });
        expect(await savedOf(store, second.id)).toEqual({ a: "one" });
        expect(await store.saved.write({ values: [] })).toEqual([]);
      },
    },
    {
      name: "many jobs are read at once, each with its own values; text comes back as it was written",
      async run({ store }) {
        const jobs = await Promise.all(Array.from({ length: 20 }, () => jobIn(store, "running")));
        const values = jobs.flatMap(({ id, claimNo }, n) =>
          Array.from({ length: n % 4 }, (_, key) => ({
            id,
            claimNo,
            key: `k"${key}`,
            value: `{"n": ${n}, "é": "😀"}`,
          })),
        );
        expect(await store.saved.write({ values })).toEqual(values.map(() => true));
        const sorted = (list: readonly SavedValue[]): string[] =>
          list.map(({ id, key, value }) => `${id} ${key} ${value}`).toSorted();
        const found = await store.saved.read({ ids: jobs.map(({ id }) => id) });
        expect(sorted(found)).toEqual(sorted(values));
        expect(await store.saved.read({ ids: [] })).toEqual([]);
      },
    },
    {
      name: "what was saved outlives a retry, giving back, a rescue, the end and a person's retry",
      async run({ store }) {
        const job = await jobIn(store, "running", { maxAttempts: 9 });
        await save(store, job, "step", 1);
        await updateJob(store, job, { outcome: OUTCOMES.retry });
        const second = await claimJob(store, job);
        expect(await savedOf(store, job.id)).toEqual({ step: 1 });
        await save(store, second, "step", 2);
        await updateJob(store, second, { outcome: OUTCOMES.given_back });
        expect(await save(store, second, "step", "stale")).toBe(false);
        const placed = await jobIn(store, "running", { maxAttempts: 9 });
        await save(store, placed, "step", 3);
        await rescueWorker(store, placed.workerId);
        expect(await save(store, placed, "step", "stale")).toBe(false);
        const third = await claimJob(store, placed);
        await updateJob(store, third, { outcome: OUTCOMES.failed });
        await retryJob(store, placed.id);
        expect(await savedOf(store, placed.id)).toEqual({ step: 3 });
        expect(await savedOf(store, job.id)).toEqual({ step: 2 });
      },
    },
    {
      name: "a value that comes after another run took the job changes nothing, however close the race",
      async run({ store, other }) {
        for (let round = 0; round < 10; round++) {
          const job = await jobIn(store, "running");
          const takeover = async (): Promise<boolean> => {
            await rescueWorker(other, job.workerId);
            const run = await claimJob(other, job);
            const seen = await savedOf(other, job.id);
            return save(other, run, "seen", seen["offset"] ?? null);
          };
          const [saved, taken] = await Promise.all([save(store, job, "offset", round), takeover()]);
          expect(taken).toBe(true);
          // The run that took over saw exactly what is there in the end.
          expect(await savedOf(store, job.id)).toEqual(saved ? { offset: round, seen: round } : { seen: null });
        }
      },
    },
  ],
};
