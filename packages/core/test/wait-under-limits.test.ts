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

/** A parent that waits for one child; both have keys if `keyed`. */
function family(keyed: boolean) {
  const seen = { waiting: 0, most: 0 };
  const key = keyed ? { concurrencyKey: (n: number) => `key ${n}`, concurrencyPerKey: 1 } : {};
  const child = defineJob("child", { ...key, run: () => {} });
  const parent = defineJob("parent", {
    ...key,
    priority: "critical",
    run: async (ctx, n: number) => {
      // Late enough for all parents to wait, if nothing keeps them.
      const id = await ctx.dispatchChild(child, n, { delay: "300ms" });
      seen.most = Math.max(seen.most, ++seen.waiting);
      await ctx.waitForJobs([id]);
      seen.waiting--;
    },
  });
  return { jobs: [parent, child], parent, seen };
}

for (const [name, open] of DATABASES) {
  describe(`on ${name}`, () => {
    test.each([
      ["a globalConcurrency of 1", false],
      ["keys", true],
    ])("of many parents under %s only ten a slot wait at a time, and all of them end", async (_, keyed) => {
      await using database = await open();
      const { jobs, parent, seen } = family(keyed);
      const store = openStore(database.address);
      const forge = createForge({ store, jobs, worker: { queues: { default: 1 } }, logger: recordingLogger([]) });
      await forge.start();
      try {
        if (!keyed) await forge.queues.configure("default", { globalConcurrency: 1 });
        const ids = await forge.dispatchMany(
          parent,
          Array.from({ length: 30 }, (_unused, n) => n),
        );
        for (const id of ids) expect(await forge.jobs.wait(id)).toMatchObject({ status: "completed", attempts: 1 });
        expect(seen.most).toBeGreaterThan(5);
        // The one that has the slot has not begun to wait when it counts.
        expect(seen.most).toBeLessThanOrEqual(11);
      } finally {
        await forge.stop({ timeout: "0ms" });
      }
    });

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
