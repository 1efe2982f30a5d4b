import { defineWorkflow, type WorkflowDefinition, type WorkflowOptions } from "@forge-jobs/core";

type Options = Omit<WorkflowOptions<unknown, unknown, unknown, unknown>, "run">;

/**
 * A workflow that does a step `begin`, waits for the event `clicked` and returns what that says: its runs stand still wherever a
 * test looks at them.
 */
export function unfolding(name = "unfolding", options: Options = { public: true }): WorkflowDefinition {
  return defineWorkflow<unknown, unknown, unknown, unknown>(name, {
    steps: ["begin", "clicked", "end"],
    ...options,
    run: async (ctx) => {
      await ctx.step("begin", () => "begun");
      const said = await ctx.waitForEvent("clicked");
      await ctx.step("end", () => null);
      return said;
    },
  });
}
