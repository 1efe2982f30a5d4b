import { defineJob, type JobDefinition } from "@forge-jobs/core";

/** How many jobs with one key run at once. */
export const PER_KEY = 2;

/** A job whose keys are limited, and one of a queue that is limited as a whole. */
export function limitedJobs(work: (key: string) => Promise<void>): [JobDefinition<string>, JobDefinition<string>] {
  return [
    defineJob("keyed", {
      queue: "keyed",
      concurrencyKey: (key: string) => key,
      concurrencyPerKey: PER_KEY,
      run: (_ctx, key: string) => work(key),
    }),
    defineJob("narrow", { queue: "narrow", run: () => work("narrow") }),
  ];
}
