import { createForge, defineJob, type JobDefinition } from "@forge-jobs/core";
import { describe, expect, inject, test } from "vitest";
import { openStore, postgresDatabase, sqliteDatabase } from "./support/stores.ts";
import { recordingLogger } from "./support/world.ts";

const DATABASES = [
  ["SQLite", sqliteDatabase],
  ["PostgreSQL 18", () => postgresDatabase(inject("postgres")[18])],
] as const;

/** A job that waits for a child of its own kind down to a depth; `keyed` gives all of them one key that lets one run. */
function chain(keyed: boolean): JobDefinition<number, number> {
  const link: JobDefinition<number, number> = defineJob("link", {
    ...(keyed && { concurrencyKey: () => "the only one", concurrencyPerKey: 1 }),
    run: async (ctx, depth: number): Promise<number> => {
      if (depth === 0) return 1;
      const [below] = await ctx.waitForJobs([await ctx.dispatchChild(link, depth - 1)]);
      return below + 1;
    },
  });
  return link;
}

for (const [name, open] of DATABASES) {
  describe(`on ${name}`, () => {
    test.each([
      ["a globalConcurrency of 1", false],
      ["one key that lets one run", true],
    ])("a run that waits counts in no limit: a chain of four ends under %s", async (_, keyed) => {
      await using database = await open();
      const link = chain(keyed);
      const forge = createForge({ store: openStore(database.address), jobs: [link], logger: recordingLogger([]) });
      await forge.start();
      try {
        if (!keyed) await forge.queues.configure("default", { globalConcurrency: 1 });
        const job = await forge.jobs.wait(await forge.dispatch(link, 3));
        expect(job).toMatchObject({ status: "completed", output: 4, attempts: 1 });
      } finally {
        await forge.stop({ timeout: "0ms" });
      }
    });
  });
}
