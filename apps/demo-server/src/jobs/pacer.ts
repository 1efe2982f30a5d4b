import type { JobContext } from "@forge-jobs/core";
import { setTimeout as sleep } from "node:timers/promises";

/**
 * Holds a job to the demo's pace from now on: the function that it returns is called after each batch of rows, and waits
 * where the job is ahead. It restarts the job's timeout, and rejects once the job's signal has aborted.
 *
 * The only thing in the demo that is not real work. 100,000 rows are exported in about a second, too fast for a person to
 * watch or cancel.
 */
export function pacer(ctx: JobContext): (rows: number) => Promise<void> {
  const begin = performance.now();
  let done = 0;
  return async (rows) => {
    await ctx.heartbeat();
    done += rows;
    const ahead = begin + (done / 1_000) * ctx.demo.paceMs - performance.now();
    if (ahead > 0) await sleep(ahead, undefined, { signal: ctx.signal });
  };
}
