import {
  createForge,
  defineJob,
  defineWorkflow,
  type Forge,
  type JobDefinition,
  type Store,
  type WorkflowDefinition,
} from "@forge-jobs/core";
import { describe, expect, test } from "vitest";
import { until } from "../../../../test/support/until.ts";
import { claimJobs, updateJob } from "../../conformance/one-job.ts";
import { registerWorker } from "../../conformance/one-worker.ts";
import { DATABASES } from "../support/runs.ts";
import { expectSameReplays } from "../support/replays.ts";
import { openStore, type TestDatabase } from "../support/stores.ts";
import { RUN_VERBS, watchedStore } from "../support/watched-store.ts";
import { silent } from "../support/world.ts";

const AT_ONCE = 4;

interface Scene {
  readonly database: TestDatabase;
  readonly forge: Forge;
  /** What others work with. */
  readonly other: Store;
  readonly id: string;
}

interface Play {
  readonly open: () => Promise<TestDatabase>;
  readonly workflow: WorkflowDefinition;
  readonly jobs?: readonly JobDefinition[];
  /** What others do, at some boundary; false: it cannot be done yet. */
  readonly act: (scene: Scene) => Promise<boolean>;
  readonly check: (scene: Scene) => Promise<void>;
}

/** Lets others act at one boundary after the other of a run's verbs, each time in a world of its own, and answers how many. */
async function actAtEach({ open, workflow, jobs = [], act, check }: Play): Promise<number> {
  let boundaries = Infinity;
  const one = async (place: number): Promise<void> => {
    await using database = await open();
    let seen = 0;
    let scene: Scene | null = null;
    let hasActed = false;
    let isActing = false;
    const other = openStore(database.address);
    const store = watchedStore(openStore(database.address), RUN_VERBS, async () => {
      if (scene === null || isActing || seen++ < place) return;
      isActing = true;
      hasActed = await act(scene);
      // What cannot be done yet is done at the first boundary where it can.
      isActing = hasActed;
    });
    const forge = createForge({
      store,
      jobs,
      workflows: [workflow],
      logger: silent,
      worker: { queues: { default: 2 } },
    });
    await forge.start();
    try {
      const id = await forge.startWorkflow(workflow, {}, { delay: "1ms" });
      scene = { database, forge, other, id };
      const isAsleep = async (): Promise<boolean> =>
        hasActed || ((await forge.workflows.get(id))?.status === "waiting" && seen <= place);
      await until(isAsleep, { what: `boundary ${place}, or the run to sleep`, every: 5 });
      if (!hasActed) {
        boundaries = Math.min(boundaries, place);
        hasActed = await act(scene);
        expect(hasActed).toBe(true);
      }
      await check(scene);
      await expectSameReplays(other, [id], [workflow]);
    } finally {
      await forge.stop({ timeout: "0ms" });
      await other.close();
    }
  };
  let next = 0;
  const series = async (): Promise<void> => {
    while (next < Math.min(boundaries, 100)) await one(next++);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, series));
  return boundaries;
}

for (const [name, open] of Object.entries(DATABASES)) {
  describe(`on ${name}`, () => {
    test("a signal reaches its run, wherever it meets it on its way to sleep", { timeout: 120_000 }, async () => {
      const workflow = defineWorkflow("work", {
        run: async (ctx) => {
          const before = await ctx.step("before", () => 1);
          return [before, await ctx.waitForEvent("said"), await ctx.step("after", () => 3)];
        },
      });
      const boundaries = await actAtEach({
        open,
        workflow,
        act: async ({ other, id }) => {
          const signal = { runId: id, name: "said", signalId: "only", payload: "2" };
          expect(await other.workflows.signal({ signals: [signal] })).toEqual(["accepted"]);
          expect(await other.workflows.signal({ signals: [signal] })).toEqual(["duplicate"]);
          return true;
        },
        check: async ({ forge, id }) =>
          expect(await forge.workflows.wait(id)).toMatchObject({ status: "completed", output: [1, 2, 3] }),
      });
      expect(boundaries).toBeGreaterThan(8);
    });

    test(
      "the end of a child reaches its run, wherever it meets it on its way to sleep",
      { timeout: 120_000 },
      async () => {
        const child = defineJob("child", { queue: "elsewhere", run: () => 0 });
        const workflow = defineWorkflow("work", {
          run: async (ctx) => [await ctx.runJob(child, {}), await ctx.step("after", () => 3)],
        });
        let early = 0;
        const boundaries = await actAtEach({
          open,
          workflow,
          jobs: [child],
          act: async ({ other, database }) => {
            const workerId = await registerWorker(other);
            const [job] = await claimJobs(other, { types: ["child"], queue: "elsewhere", limit: 1, workerId });
            if (job === undefined) return false;
            const [step] = await database.query("SELECT 1 FROM forge_steps");
            if (step === undefined) early++;
            const { wakes } = JSON.parse(job.overrides!) as { wakes: string };
            await updateJob(other, job, { started: true, outcome: { kind: "completed", output: "2" }, wakes });
            return true;
          },
          check: async ({ forge, id }) =>
            expect(await forge.workflows.wait(id)).toMatchObject({ status: "completed", output: [2, 3] }),
        });
        expect(boundaries).toBeGreaterThan(8);
        // Also before it was recorded that anybody waits for it.
        expect(early).toBeGreaterThan(0);
      },
    );
  });
}
