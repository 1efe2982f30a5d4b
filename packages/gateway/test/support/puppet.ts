import { defineJob, type JobContext, type JobDefinition, type JobOptions } from "@forge-jobs/core";

/** One run of a puppet job, which does what the test says. */
export interface Run {
  readonly ctx: JobContext;
  readonly finish: (output?: unknown) => void;
  readonly fail: (error: Error) => void;
}

/** A job whose runs wait for the test. */
export interface Puppet {
  readonly job: JobDefinition;
  /** Resolves when the job with that id runs for the first time. */
  readonly run: (id: string) => Promise<Run>;
}

type Options = Omit<JobOptions<unknown, unknown, unknown, unknown>, "run">;

export function puppet(name = "puppet", options: Options = { public: true }): Puppet {
  const runs = new Map<string, PromiseWithResolvers<Run>>();
  const slot = (id: string): PromiseWithResolvers<Run> => {
    const found = runs.get(id) ?? Promise.withResolvers<Run>();
    runs.set(id, found);
    return found;
  };
  return {
    job: defineJob(name, {
      ...options,
      run: (ctx) =>
        new Promise((finish, fail) => {
          slot(ctx.jobId).resolve({ ctx, finish, fail });
          ctx.signal.addEventListener("abort", () => fail(ctx.signal.reason as Error));
        }),
    }),
    run: (id) => slot(id).promise,
  };
}
