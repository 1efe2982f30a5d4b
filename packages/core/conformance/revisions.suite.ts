import { isDeepStrictEqual } from "node:util";
import type { JobStateRecord } from "@forge-jobs/core";
import { expect } from "./expect.ts";
import { claimJobs, insertJob, readJob, readState } from "./one-job.ts";
import type { Case, Suite } from "./suite.ts";
import { walk } from "./walk.ts";

const SEEDS = [11, 12];

const walked = (seed: number): Case => ({
  name: `a revision rises by one with what a watcher sees and never falls, over a random walk (seed ${seed})`,
  async run(world) {
    let changes = 0;
    for (const { verb, before, after } of await walk(world, seed)) {
      if (before === undefined) continue;
      const rise = after.revision - before.revision;
      const changed = !sameToWatchers(before, after);
      if (changed) changes++;
      const what = `${verb}: ${before.status} at ${before.revision} -> ${after.status} at ${after.revision}`;
      expect(rise, what).toBeGreaterThanOrEqual(changed ? 1 : 0);
      expect(rise, what).toBeLessThanOrEqual(1);
    }
    expect(changes).toBeGreaterThan(100);
  },
});

/** The revision: the cursor by which watchers tell the newer state from the older. */
export const revisionsSuite: Suite = {
  topic: "revisions",
  cases: [
    ...SEEDS.map(walked),
    {
      name: "states, whole rows and the list agree on it",
      async run({ store }) {
        const { id, type } = await insertJob(store);
        for (let round = 0; round < 2; round++) {
          const { revision } = await readState(store, id);
          expect((await readJob(store, id)).revision).toBe(revision);
          expect((await store.jobs.list({ limit: 10 })).map((job) => job.revision)).toEqual([revision]);
          await claimJobs(store, { types: [type] });
        }
      },
    },
  ],
};

function sameToWatchers(a: JobStateRecord, b: JobStateRecord): boolean {
  return isDeepStrictEqual({ ...a, revision: 0 }, { ...b, revision: 0 });
}
