import { expect } from "vitest";
import { ForgeError } from "../src/errors.ts";
import { claimJob, insertJob, newJob, readJob, updateJob } from "./one-job.ts";
import { OUTCOMES } from "./job-in.ts";
import type { Suite } from "./suite.ts";

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
        await expect(store.checkSchema()).rejects.toBeInstanceOf(ForgeError);
        await expect(other.checkSchema()).rejects.toBeInstanceOf(ForgeError);
        await expect(store.jobs.insert({ jobs: [newJob()] })).rejects.toBeInstanceOf(ForgeError);
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
