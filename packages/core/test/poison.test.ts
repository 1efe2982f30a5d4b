import { createForge, defineJob, type Forge } from "@forge-jobs/core";
import { join } from "node:path";
import { describe, expect, inject, test } from "vitest";
import { tempDir } from "../../../test/support/temp-dir.ts";
import { until } from "../../../test/support/until.ts";
import { effectsOf, startWorker, type WorkInput } from "./support/processes.ts";
import { openStore, postgresDatabase, sqliteDatabase, type TestDatabase } from "./support/stores.ts";
import { silent } from "./support/world.ts";

const work = defineJob("work", { run: (ctx, input: WorkInput) => void [ctx, input] });
const BYSTANDERS = 20;

const databases: [string, () => Promise<TestDatabase>][] = [
  ["SQLite", sqliteDatabase],
  ["PostgreSQL 18", () => postgresDatabase(inject("postgres")[18])],
];

describe.each(databases)("%s", (_, open) => {
  test(
    "a job that kills its process at its first step is found out, and those beside it run",
    { timeout: 60_000 },
    async () => {
      await using database = await open();
      await using dir = await tempDir();
      const forge: Forge = createForge({
        store: openStore(database.address),
        jobs: [work],
        worker: false,
        logger: silent,
      });
      await forge.start();
      try {
        const poison = await forge.dispatch(work, { dies: true }, { priority: "critical" });
        const bystanders = await forge.dispatchMany(
          work,
          Array.from({ length: BYSTANDERS }, () => ({})),
        );
        const effects = join(dir.path, "effects");
        const settings = { address: database.address, effects, workMs: 1, lease: "2s", slots: 30 };
        let died = 0;
        const isDone = async (): Promise<boolean> =>
          (await forge.jobs.list({ status: "completed" })).jobs.length === BYSTANDERS &&
          (await forge.jobs.get(poison))?.status === "dead_letter";
        while (!(await isDone())) {
          await using worker = await startWorker(settings);
          await until(async () => worker.process.signalCode !== null || (await isDone()), {
            what: "the worker to die, or all to be done",
            within: 20_000,
          });
          if (worker.process.signalCode !== null) died++;
          else await worker.signal("SIGTERM");
        }
        // Unseen the first time, and then three times while it ran.
        expect(died).toBe(4);
        expect((await effectsOf(effects)).get(poison)).toBe(4);
        expect(await forge.jobs.get(poison)).toMatchObject({ attempts: 0 });
        for (const id of bystanders) expect(await forge.jobs.get(id)).toMatchObject({ attempts: 1 });
      } finally {
        await forge.stop();
      }
    },
  );
});
