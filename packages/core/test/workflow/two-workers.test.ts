import { createForge, defineJob, defineWorkflow, type Forge, ForgeError, type Store } from "@forge-jobs/core";
import { setImmediate as turn, setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { Random } from "../../conformance/random.ts";
import { expectSameReplays } from "../support/replays.ts";
import { DATABASES } from "../support/runs.ts";
import { openStore } from "../support/stores.ts";
import { RUN_VERBS, watchedStore } from "../support/watched-store.ts";
import { silent } from "../support/world.ts";

const FIRST_SEED = Number(process.env["WORKFLOW_SEED"] ?? Date.now() % 1_000_000_000);
const SEEDS = Array.from({ length: 3 }, (_, n) => FIRST_SEED + n);
const RUNS = 8;
const WITHIN_MS = 45_000;
const MINUTE_MS = 60_000;

const cases = Object.entries(DATABASES).flatMap(([name, open]) => SEEDS.map((seed) => [name, seed, open] as const));

test.each(cases)(
  "on %s: two workers on a clock that jumps bring every run to its one end, whoever is late (seed %i)",
  { timeout: 2 * WITHIN_MS },
  async (_, seed, open) => {
    await using database = await open();
    const random = new Random(seed);
    const clock = { offsetMs: 0 };
    /** Steps that some code has been given the result of, which is durable then. */
    const durable = new Set<string>();
    const repeated = new Set<string>();
    /** Runs that some worker was told it has lost: until then it may have done what others had recorded. */
    const lost = new Set<string>();
    const effect =
      (run: string, step: string): (() => Promise<string>) =>
      async () => {
        if (durable.has(`${run} ${step}`)) repeated.add(run);
        await sleep(random.next() * 10);
        return step;
      };
    const part = defineJob("part", { run: () => "part" });
    const work = defineWorkflow("work", {
      run: async (ctx) => {
        const step = async (inner: typeof ctx, name: string): Promise<string> => {
          const got = await inner.step(name, effect(ctx.runId, name));
          durable.add(`${ctx.runId} ${name}`);
          return got;
        };
        ctx.signal.addEventListener("abort", () => lost.add(ctx.runId));
        const all: unknown[] = [await step(ctx, "a")];
        await ctx.sleep("nap", "40m");
        const won = await ctx.race({
          said: (inner) => inner.waitForEvent("said"),
          late: (inner) => inner.sleep("30m"),
        });
        all.push(await ctx.runJob(part, {}));
        all.push(await ctx.parallel({ l: (inner) => step(inner, "l"), r: (inner) => step(inner, "r") }));
        await ctx.waitForEvent("go");
        all.push(await step(ctx, "z"), typeof won.winner);
        return all;
      },
    });
    /** Until when a worker gets no answer. */
    const frozenUntil = [0, 0];
    const begin = async (worker: 0 | 1): Promise<Forge> => {
      const store: Store = watchedStore(openStore(database.address, clock), RUN_VERBS, async () => {
        for (let turns = Math.floor(random.next() * 4); turns > 0; turns--) await turn();
        while (performance.now() < frozenUntil[worker]!) await sleep(5);
        if (random.next() < 0.01) throw new ForgeError("UNAVAILABLE", "The database does not answer.");
      });
      const queues = { default: 3 };
      const forge = createForge({
        store,
        jobs: [part],
        workflows: [work],
        logger: silent,
        worker: { queues, lease: "2s" },
      });
      await forge.start();
      return forge;
    };
    const forges = [await begin(0), await begin(1)];
    const other = openStore(database.address, clock);
    try {
      const ids: string[] = [];
      for (let n = 0; n < RUNS; n++) ids.push(await random.pick(forges).startWorkflow(work, {}));
      const deadline = performance.now() + WITHIN_MS;
      for (let tick = 1; ; tick++) {
        const left = await database.query("SELECT 1 FROM forge_live");
        if (left.length === 0) break;
        expect(performance.now(), `${left.length} runs to end`).toBeLessThan(deadline);
        const runId = random.pick(ids);
        const name = random.pick(["said", "go", "go"]);
        await other.workflows.signal({ signals: [{ runId, name, signalId: `${name} ${runId}`, payload: "1" }] });
        if (tick % 40 === 0) clock.offsetMs += (10 + random.next() * 40) * MINUTE_MS;
        if (random.next() < 0.02) frozenUntil[random.pick([0, 1])] = performance.now() + random.next() * 3_000;
        await sleep(20);
      }
      for (const run of await other.workflows.get({ ids })) {
        expect(run.status, run.error ?? "").toBe("completed");
        expect(JSON.parse(run.output!)).toEqual(["a", "part", { l: "l", r: "r" }, "z", "string"]);
        expect(run.steps.map(({ key }) => key).toSorted()).toEqual(
          ["a", "nap", "said/said", "late/sleep", "part", "l/l", "r/r", "go", "z"].toSorted(),
        );
      }
      expect([...repeated].filter((run) => !lost.has(run))).toEqual([]);
      expect(await expectSameReplays(other, ids, [work])).toBe(RUNS);
    } finally {
      await Promise.all(forges.map((forge) => forge.stop({ timeout: "0ms" })));
      await other.close();
    }
  },
);
