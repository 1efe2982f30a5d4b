import type { JobRecord, Store } from "@forge-jobs/core";
import { expect } from "./expect.ts";
import { jobIn, OUTCOMES, type PlacedJob } from "./job-in.ts";
import { cancelJob, claimJob, insertJob, keyClaim, newJob, readJob, retryJob, updateJob } from "./one-job.ts";
import { registerWorker } from "./one-worker.ts";
import type { Suite } from "./suite.ts";
import { power } from "./world.ts";

/** Every status that a release with schema 1 knows. */
const STATUSES = [
  "pending",
  "claimed",
  "running",
  "retry",
  "cancel_requested",
  "completed",
  "failed",
  "dead_letter",
  "cancelled",
] as const;

/** Browsers see no word of such an error, which names the database. */
const UNAVAILABLE = { name: "ForgeError", code: "UNAVAILABLE" };

const byId = (jobs: readonly JobRecord[]): Record<string, JobRecord> =>
  Object.fromEntries(jobs.map((job) => [job.id, job]));

/** Brings a job to its end as the status that it has allows. */
async function finish(store: Store, job: PlacedJob, status: (typeof STATUSES)[number]): Promise<void> {
  let run: { id: string; claimNo: number } = job;
  if (status === "completed") return;
  if (status === "failed" || status === "dead_letter" || status === "cancelled") {
    // Its key has another holder by now, who keeps it until he is cancelled.
    const [holder] = await store.jobs.insert({ jobs: [newJob({ keys: job.keys })] });
    await cancelJob(store, holder!.id);
    expect(await retryJob(store, job.id)).toBe("retried");
  }
  if (status !== "claimed" && status !== "running" && status !== "cancel_requested") {
    run = await claimJob(store, job);
  }
  await updateJob(store, run, { started: true, outcome: OUTCOMES.completed });
  expect((await readJob(store, job.id)).status).toBe("completed");
}

/** The schema: brought up to date any number of times, by any number of processes. */
export const migrateSuite: Suite = {
  topic: "migrate",
  cases: [
    {
      name: "an empty database is ready for work after migrate",
      migrated: false,
      async run({ store }) {
        await store.migrate();
        await store.checkSchema();
        const job = await insertJob(store);
        const run = await claimJob(store, job);
        await updateJob(store, run, { started: true, outcome: OUTCOMES.completed });
        expect((await readJob(store, job.id)).status).toBe("completed");
      },
    },
    {
      name: "migrating again changes nothing",
      async run({ store }) {
        const job = await insertJob(store);
        const before = await readJob(store, job.id);
        const identity = await store.identity();
        await store.migrate();
        await store.checkSchema();
        expect(await readJob(store, job.id)).toEqual(before);
        expect(await store.identity()).toEqual(identity);
      },
    },
    {
      name: "two stores that migrate at once both come through",
      migrated: false,
      async run({ store, other }) {
        await Promise.all([store.migrate(), other.migrate(), store.migrate(), other.migrate()]);
        await Promise.all([store.checkSchema(), other.checkSchema()]);
        const job = await insertJob(store);
        expect((await readJob(other, job.id)).id).toBe(job.id);
      },
    },
    {
      name: "checkSchema refuses an empty database and leaves it empty",
      migrated: false,
      async run({ store, other }) {
        await expect(store.checkSchema()).rejects.toMatchObject(UNAVAILABLE);
        await expect(other.checkSchema()).rejects.toMatchObject(UNAVAILABLE);
        await expect(store.jobs.insert({ jobs: [newJob()] })).rejects.toMatchObject(UNAVAILABLE);
      },
    },
    {
      name: "jobs of every status of schema 1 are there after migrate as they were, and go on",
      migrated: false,
      needs: ["release1"],
      async run(world) {
        const { store } = world;
        const release1 = power(world, "release1");
        const old = release1();
        await old.migrate();
        const placed: PlacedJob[] = [];
        for (const status of STATUSES) {
          const keys = [keyClaim(`key of ${status}`)];
          placed.push(await jobIn(old, status, { owner: "ada", priority: "high", input: '{"n":1}', keys }));
        }
        const ids = placed.map(({ id }) => id);
        const before = await old.jobs.get({ ids });
        const identity = await old.identity();
        await store.migrate();
        await store.checkSchema();
        expect(await store.identity()).toEqual(identity);
        expect(byId(await store.jobs.get({ ids }))).toMatchObject(byId(before));
        for (const [n, job] of placed.entries()) {
          const status = STATUSES[n]!;
          const [again] = await store.jobs.insert({ jobs: [newJob({ keys: job.keys })] });
          const isHeld = ["pending", "retry", "claimed", "running", "cancel_requested"].includes(status);
          expect(again, status).toMatchObject(isHeld ? { id: job.id, created: false } : { created: true });
          await finish(store, job, status);
        }
      },
    },
    {
      name: "the release with schema 1 works on, and starts again, after migrate",
      migrated: false,
      needs: ["release1"],
      async run(world) {
        const { store } = world;
        const release1 = power(world, "release1");
        const old = release1();
        await old.migrate();
        const workerId = await registerWorker(old);
        const job = await insertJob(old);
        const run = await claimJob(old, job, workerId);
        await store.migrate();
        await updateJob(old, run, { started: true, progress: 5 });
        await updateJob(old, run, { outcome: OUTCOMES.completed });
        expect(await readJob(store, job.id)).toMatchObject({ status: "completed", attempts: 1 });
        const again = release1();
        await again.migrate();
        await again.checkSchema();
        for (const status of STATUSES) {
          const { id } = await jobIn(again, status);
          expect((await readJob(store, id)).status).toBe(status);
          expect((await readJob(again, (await jobIn(store, status)).id)).status).toBe(status);
        }
        await store.migrate();
        await store.checkSchema();
      },
    },
    {
      name: "a schema that a later release left compatible is accepted and left alone",
      migrated: false,
      async run({ store, rows }) {
        await store.migrate();
        await rows("UPDATE forge_meta SET value = '999' WHERE name = 'migrated_to'");
        await store.migrate();
        await store.checkSchema();
        expect(await rows("SELECT value FROM forge_meta WHERE name = 'migrated_to'")).toEqual([{ value: "999" }]);
        const job = await insertJob(store);
        expect(await claimJob(store, job)).toMatchObject({ id: job.id });
      },
    },
    {
      name: "a schema that a later release did not leave compatible is refused and left alone",
      migrated: false,
      async run({ store, rows }) {
        await store.migrate();
        await rows("UPDATE forge_meta SET value = '999' WHERE name IN ('migrated_to', 'schema_version')");
        const before = await rows("SELECT * FROM forge_meta ORDER BY name");
        await expect(store.migrate()).rejects.toMatchObject(UNAVAILABLE);
        await expect(store.checkSchema()).rejects.toMatchObject(UNAVAILABLE);
        expect(await rows("SELECT * FROM forge_meta ORDER BY name")).toEqual(before);
      },
    },
    {
      name: "every store object on a database has the same epoch and secret",
      async run({ store, other }) {
        const identity = await store.identity();
        expect(await other.identity()).toEqual(identity);
        expect(identity.epoch).not.toBe("");
        expect(identity.secret.length).toBeGreaterThanOrEqual(32);
      },
    },
    {
      name: "a store answers a ping",
      async run({ store, other }) {
        await Promise.all([store.ping(), other.ping()]);
      },
    },
  ],
};
