import { JOB_STATUSES, SETTLED_JOB_STATUSES, type StoredJobStatus } from "@forge-jobs/protocol";
import type { KeyHold } from "@forge-jobs/core";
import { expect } from "./expect.ts";
import { jobIn, type PlacedJob } from "./job-in.ts";
import { claimJob, insertKeyed, keyClaim, newJob, readJob, updateJob } from "./one-job.ts";
import type { Case, Suite } from "./suite.ts";
import { advance } from "./world.ts";

const HOUR_MS = 3_600_000;

const deleted = (status: StoredJobStatus): Case => ({
  name: `a job that is ${status} is gone with all that is kept of it, but for who did it`,
  async run({ store, rows }) {
    const job = await jobIn(store, status);
    const { attempts, revision } = await readJob(store, job.id);
    const other = await jobIn(store, status);
    expect(await store.ended.delete({ ids: [job.id], by: "ada" })).toEqual(["deleted"]);
    expect(await store.jobs.get({ ids: [job.id] })).toEqual([]);
    expect(await rows(`SELECT id FROM forge_jobs`)).toEqual([{ id: other.id }]);
    expect(await store.history.read({ jobIds: [job.id] })).toMatchObject([
      { event: "delete", by: "ada", attempt: attempts, revision: revision + 1, error: null },
    ]);
    expect(await store.ended.delete({ ids: [job.id] })).toEqual(["not_found"]);
  },
});

const leftAlone = (status: StoredJobStatus): Case => ({
  name: `a job that is ${status} is left alone`,
  async run({ store }) {
    const { id } = await jobIn(store, status);
    const before = await readJob(store, id);
    expect(await store.ended.delete({ ids: [id] })).toEqual(["not_settled"]);
    expect(await readJob(store, id)).toEqual(before);
  },
});

const anHourLonger: KeyHold = { kind: "job", afterCompletionMs: HOUR_MS };
const forEver: KeyHold = { kind: "job", afterCompletionMs: null };
const whileUnfinished: KeyHold = { kind: "job", afterCompletionMs: 0 };

const released = (status: StoredJobStatus, what: string, hold: KeyHold): Case => ({
  name: `a key ${what} of a job that was ${status} when it was deleted is free, and its row is gone`,
  async run({ store, rows }) {
    const { id } = await jobIn(store, status, { keys: [keyClaim("k", hold)] });
    await store.ended.delete({ ids: [id] });
    expect(await rows("SELECT job_id FROM forge_keys")).toEqual([]);
    const next = await insertKeyed(store, [keyClaim("k", hold)]);
    expect(next.created).toBe(true);
    expect(await insertKeyed(store, [keyClaim("k", hold)])).toEqual({ id: next.id, created: false });
  },
});

/** A person deletes a settled job. */
export const deleteSuite: Suite = {
  topic: "delete",
  cases: [
    ...SETTLED_JOB_STATUSES.map(deleted),
    ...JOB_STATUSES.filter((status) => !SETTLED_JOB_STATUSES.includes(status)).map(leftAlone),
    {
      name: "what a deleted job saved is gone",
      async run({ store }) {
        const job = await jobIn(store, "running");
        const kept = await jobIn(store, "running");
        const saved = ({ id, claimNo }: PlacedJob): { id: string; claimNo: number; key: string; value: string } => {
          return { id, claimNo, key: "at", value: "7" };
        };
        await store.saved.write({ values: [saved(job), saved(kept)] });
        await updateJob(store, job, { outcome: { kind: "completed", output: null } });
        await store.ended.delete({ ids: [job.id] });
        expect(await store.saved.read({ ids: [job.id, kept.id] })).toEqual([{ id: kept.id, key: "at", value: "7" }]);
      },
    },
    {
      name: "what a deleted job called its children is forgotten, and they stay",
      async run({ store }) {
        const parent = await jobIn(store, "running");
        const child = newJob();
        await store.children.dispatch({ calls: [{ parent, key: "a", job: child }] });
        await updateJob(store, parent, { outcome: { kind: "completed", output: null } });
        await store.ended.delete({ ids: [parent.id] });
        expect(await store.children.among({ parentId: parent.id, ids: [child.id] })).toEqual([]);
        expect((await readJob(store, child.id)).status).toBe("pending");
      },
    },
    {
      name: "a key for a time after completion is held until then by the deleted job",
      async run(world) {
        const { store } = world;
        const { id } = await jobIn(store, "completed", { keys: [keyClaim("k", anHourLonger)] });
        advance(world, HOUR_MS / 2);
        await store.ended.delete({ ids: [id] });
        advance(world, HOUR_MS / 2 - 60_000);
        await store.sweeps.expiredKeys({ limit: 10 });
        expect(await insertKeyed(store, [keyClaim("k", anHourLonger)])).toEqual({ id, created: false });
        advance(world, 60_000);
        expect(await store.sweeps.expiredKeys({ limit: 10 })).toBe(1);
        expect((await insertKeyed(store, [keyClaim("k", anHourLonger)])).created).toBe(true);
      },
    },
    {
      name: "a key for ever of a completed job is held by the deleted job",
      async run(world) {
        const { store } = world;
        const { id } = await jobIn(store, "completed", { keys: [keyClaim("k", forEver)] });
        await store.ended.delete({ ids: [id] });
        advance(world, 1_000 * 24 * HOUR_MS);
        await store.sweeps.expiredKeys({ limit: 10 });
        expect(await insertKeyed(store, [keyClaim("k", forEver)])).toEqual({ id, created: false });
      },
    },
    released("completed", "while unfinished", whileUnfinished),
    ...(["failed", "dead_letter", "cancelled"] as const).flatMap((status) => [
      released(status, "while unfinished", whileUnfinished),
      released(status, "for an hour more", anHourLonger),
      released(status, "for ever", forEver),
    ]),
    {
      name: "a key that another job took meanwhile stays with that",
      async run({ store }) {
        const failed = await jobIn(store, "failed", { keys: [keyClaim("k")] });
        const holder = await insertKeyed(store, [keyClaim("k")]);
        await store.ended.delete({ ids: [failed.id] });
        expect(await insertKeyed(store, [keyClaim("k")])).toEqual({ id: holder.id, created: false });
      },
    },
    {
      name: "a key that goes by a job's end is never held by a job that was dispatched without it",
      async run({ store, rows }) {
        const holder = await jobIn(store, "failed", { keys: [keyClaim("request", { kind: "window", ms: HOUR_MS })] });
        const again = [keyClaim("request", { kind: "window", ms: HOUR_MS }), keyClaim("ever", forEver)];
        expect(await insertKeyed(store, again)).toEqual({ id: holder.id, created: false });
        expect(await rows("SELECT key FROM forge_keys")).toEqual([{ key: "request" }]);
        await store.ended.delete({ ids: [holder.id] });
        expect((await insertKeyed(store, [keyClaim("ever", forEver)])).created).toBe(true);
      },
    },
    {
      name: "a batch is answered in its order",
      async run({ store }) {
        const [failed, running, completed] = [
          await jobIn(store, "failed"),
          await jobIn(store, "running"),
          await jobIn(store, "completed"),
        ];
        const answers = await store.ended.delete({ ids: [completed.id, newJob().id, running.id, failed.id] });
        expect(answers).toEqual(["deleted", "not_found", "not_settled", "deleted"]);
        expect(await store.ended.delete({ ids: [] })).toEqual([]);
      },
    },
    {
      name: "a late word of a run of a deleted job is stale",
      async run({ store }) {
        const job = await jobIn(store, "completed");
        await store.ended.delete({ ids: [job.id] });
        const { result } = await updateJob(store, job, { outcome: { kind: "completed", output: null } });
        expect(result).toBe("stale");
      },
    },
    {
      name: "of a retry and a deletion at once, one wins",
      async run({ store, other }) {
        for (let round = 0; round < 5; round++) {
          const job = await jobIn(store, "failed", { keys: [keyClaim("k")] });
          const [[retried], [gone]] = await Promise.all([
            store.jobs.retry({ ids: [job.id] }),
            other.ended.delete({ ids: [job.id] }),
          ]);
          if (retried === "retried") {
            expect(gone).toBe("not_settled");
            expect(await insertKeyed(store, [keyClaim("k")])).toEqual({ id: job.id, created: false });
            await updateJob(store, await claimJob(store, job), { outcome: { kind: "completed", output: null } });
          } else {
            expect([retried, gone]).toEqual(["not_found", "deleted"]);
          }
        }
      },
    },
  ],
};
