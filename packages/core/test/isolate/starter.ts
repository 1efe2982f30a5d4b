// A job that runs in a thread of its own and starts a workflow from there.
import { defineJob, defineWorkflow } from "@forge-jobs/core";

export const counted = defineWorkflow("counted", { run: async (_ctx, input: { n: number }) => input.n + 1 });

export const starter = defineJob("starter", {
  isolate: true,
  run: async (ctx): Promise<string> => await ctx.startWorkflow(counted, { n: 1 }, { owner: "ada" }),
});
