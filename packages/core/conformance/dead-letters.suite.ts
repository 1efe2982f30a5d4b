import { JOB_STATUSES } from "@forge-jobs/protocol";
import type { NewJob, Store } from "@forge-jobs/core";
import { expect } from "./expect.ts";
import { jobIn, OUTCOMES } from "./job-in.ts";
import { claimJob, insertJob, readJob, updateJob } from "./one-job.ts";
import { MAX_DEATHS, registerWorker, rescueWorker } from "./one-worker.ts";
import type { Suite } from "./suite.ts";

/** A dead letter whose last run failed with an error of this name. */
async function deadOf(store: Store, errorName: string, job: Partial<NewJob> = {}): Promise<string> {
  const placed = await jobIn(store, "running", job);
  await updateJob(store, placed, { outcome: { ...OUTCOMES.failed, errorName } });
  return placed.id;
}

async function found(store: Store, query: Parameters<Store["ended"]["findDead"]>[0]): Promise<string[]> {
  return (await store.ended.findDead(query)).ids;
}

/** Jobs that are failed or dead_letter: listing them, and finding the ones to retry. */
export const deadLettersSuite: Suite = {
  topic: "dead letters",
  cases: [
    {
      name: "failed and dead jobs are listed newest first, as whole rows, and no others",
      async run({ store }) {
        const ids: string[] = [];
        for (const status of [...JOB_STATUSES, "failed", "dead_letter"] as const) {
          const { id } = await jobIn(store, status, { input: "[1]" });
          if (status === "failed" || status === "dead_letter") ids.push(id);
        }
        const listed = await store.ended.deadLetters({ limit: 100 });
        expect(listed.map(({ id }) => id)).toEqual(ids.toReversed());
        expect(listed[0]).toEqual(await readJob(store, ids.at(-1)!));
      },
    },
    {
      name: "discarded jobs are not among them",
      async run({ store }) {
        const byRun = await jobIn(store, "running");
        await updateJob(store, byRun, { outcome: OUTCOMES.discarded });
        const byPerson = await jobIn(store, "dead_letter");
        await store.ended.discard({ ids: [byPerson.id] });
        expect(await store.ended.deadLetters({ limit: 100 })).toEqual([]);
        expect(await found(store, { limit: 100 })).toEqual([]);
      },
    },
    {
      name: "pages follow each other without gap or repetition, across both statuses, while a sweep moves some",
      async run({ store }) {
        const ids: string[] = [];
        for (let n = 0; n < 7; n++) ids.push((await jobIn(store, n % 2 === 0 ? "failed" : "dead_letter")).id);
        const paged: string[] = [];
        for (let before: string | undefined; ;) {
          const page = await store.ended.deadLetters({ limit: 3, ...(before !== undefined && { before }) });
          if (page.length === 0) break;
          paged.push(...page.map(({ id }) => id));
          before = paged.at(-1);
          await store.sweeps.deadLetter({ afterMs: 0, limit: 1 });
        }
        expect(paged).toEqual(ids.toReversed());
      },
    },
    {
      name: "they are listed by type",
      async run({ store }) {
        const a = await jobIn(store, "failed");
        await jobIn(store, "failed");
        expect((await store.ended.deadLetters({ type: a.type, limit: 10 })).map(({ id }) => id)).toEqual([a.id]);
      },
    },
    {
      name: "they are found oldest first, by type, queue and the name of the last error, together and alone",
      async run({ store }) {
        const a = await deadOf(store, "TypeError", { type: "a" });
        const b = await deadOf(store, "QuotaError", { type: "b" });
        const c = await deadOf(store, "TypeError", { type: "a", queue: "media" });
        await jobIn(store, "dead_letter", { type: "a" });
        await jobIn(store, "cancelled", { type: "a" });
        expect(await found(store, { errorName: "TypeError", limit: 100 })).toEqual([a, c]);
        expect(await found(store, { errorName: "QuotaError", type: "b", limit: 100 })).toEqual([b]);
        expect(await found(store, { errorName: "QuotaError", type: "a", limit: 100 })).toEqual([]);
        expect(await found(store, { queue: "media", limit: 100 })).toEqual([c]);
        expect(await found(store, { type: "a", limit: 100 })).toHaveLength(3);
        expect(await found(store, { limit: 100 })).toHaveLength(4);
      },
    },
    {
      name: "the name is that of the last error, not of one before",
      async run({ store }) {
        const job = await insertJob(store);
        for (const [kind, errorName] of [
          ["retry", "FirstError"],
          ["dead_letter", "LastError"],
        ] as const) {
          const outcome = { ...OUTCOMES[kind], errorName };
          await updateJob(store, await claimJob(store, job), { started: true, outcome });
        }
        expect(await found(store, { errorName: "FirstError", limit: 10 })).toEqual([]);
        expect(await found(store, { errorName: "LastError", limit: 10 })).toEqual([job.id]);
      },
    },
    {
      name: "a job that its workers' deaths ended is found by what that is called",
      async run({ store }) {
        const job = await insertJob(store);
        for (let death = 0; death < MAX_DEATHS; death++) {
          const workerId = await registerWorker(store);
          await updateJob(store, await claimJob(store, job, workerId), { started: true });
          const said = { error: "three workers died", errorName: "POISON", publicError: "stopped" };
          await store.workers.rescue({ workerId, because: "gone", maxDeaths: MAX_DEATHS, death: said });
        }
        expect(await found(store, { errorName: "POISON", limit: 10 })).toEqual([job.id]);
      },
    },
    {
      name: "a walk looks at every one once, a bounded number at a time, whatever the filter lets pass",
      async run({ store }) {
        const ids: string[] = [];
        for (let n = 0; n < 9; n++) {
          const id = await deadOf(store, n % 3 === 0 ? "RareError" : "Error");
          if (n % 3 === 0) ids.push(id);
          if (n % 2 === 0) await store.sweeps.deadLetter({ afterMs: 0, limit: 100 });
        }
        const walked: string[] = [];
        let steps = 0;
        for (let after: string | null = null; ;) {
          const step: { ids: string[]; reached: string | null } = await store.ended.findDead({
            errorName: "RareError",
            limit: 2,
            ...(after !== null && { after }),
          });
          steps++;
          walked.push(...step.ids);
          if (step.reached === null) break;
          after = step.reached;
        }
        expect(walked).toEqual(ids);
        expect(steps).toBe(5);
      },
    },
    {
      name: "a retry of several is due as much later as was said for each",
      async run({ store }) {
        const [a, b, c] = [
          await jobIn(store, "failed"),
          await jobIn(store, "dead_letter"),
          await jobIn(store, "running"),
        ];
        const answers = await store.jobs.retry({
          ids: [b.id, c.id, a.id],
          delaysMs: [60_000, 5_000, 0],
          by: "ada",
        });
        expect(answers).toEqual(["retried", "not_settled", "retried"]);
        expect(await store.jobs.nextDue({ queue: "default", types: [a.type] })).toBe(0);
        const wait = (await store.jobs.nextDue({ queue: "default", types: [b.type] }))!;
        expect(wait).toBeGreaterThan(30_000);
        expect(wait).toBeLessThanOrEqual(60_000);
        const entries = await store.history.read({ jobIds: [a.id, b.id] });
        expect(entries.filter(({ event }) => event === "retry").map(({ by }) => by)).toEqual(["ada", "ada"]);
      },
    },
    {
      name: "of several that were dispatched with one key, a retry brings one back",
      async run({ store }) {
        const keys = [{ scope: "s", key: "k", hold: { kind: "job", afterCompletionMs: 0 } }] as const;
        const a = await jobIn(store, "failed", { keys });
        const b = await jobIn(store, "failed", { keys });
        expect(await store.jobs.retry({ ids: [a.id, b.id] })).toEqual(["retried", "key_held"]);
        expect(await found(store, { limit: 10 })).toEqual([b.id]);
      },
    },
    {
      name: "what a dead worker held is no dead letter",
      async run({ store }) {
        const job = await jobIn(store, "running");
        await rescueWorker(store, job.workerId);
        expect(await store.ended.deadLetters({ limit: 10 })).toEqual([]);
      },
    },
  ],
};
