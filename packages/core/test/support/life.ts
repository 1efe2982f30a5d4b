import { createForge, defineJob, type Forge, type JobDefinition } from "@forge-jobs/core";
import { appendFileSync } from "node:fs";
import { openStore, type Address } from "./stores.ts";
import { silent } from "./world.ts";

export interface LifeSettings {
  readonly address: Address;
  /** The file to which handlers and dispatchers append what they did. */
  readonly history: string;
  /** After which statement the process ends itself; 0: before the first. */
  readonly killAfter: number;
}

/** A job that completes at its first attempt, having reported and saved something, and one that fails at its first. */
export function lifeJobs(history: string): { single: JobDefinition; failing: JobDefinition } {
  const single = defineJob("single", {
    run: async (ctx) => {
      // Outside the database: it stays, whatever becomes of the process.
      appendFileSync(history, `ran ${ctx.jobId} ${ctx.attempt}\n`);
      ctx.progress(50, "half");
      await ctx.save("step", 1);
      return { saved: ctx.saved["step"] };
    },
  });
  const failing = defineJob("failing", {
    retry: { baseDelay: "1ms" },
    run: async (ctx) => {
      appendFileSync(history, `ran ${ctx.jobId} ${ctx.attempt}\n`);
      await ctx.heartbeat();
      if (ctx.attempt === 1) throw new Error("not yet");
    },
  });
  return { single, failing };
}

export function lifeWorker(address: Address, jobs: ReturnType<typeof lifeJobs>): Forge {
  return createForge({ store: openStore(address), jobs: Object.values(jobs), logger: silent });
}
