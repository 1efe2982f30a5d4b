import { setTimeout as sleep } from "node:timers/promises";
import type { Session } from "./contender.ts";
import { BATCH, CONCURRENCY, DISPATCH_JOBS, DRAIN_JOBS, PICKUP_JOBS, PICKUP_PAUSE_MS } from "./settings.ts";
import { median } from "./statistics.ts";

/** One row of the benchmark: what is measured, in which unit, and how one round of it goes. */
export interface Measure {
  readonly key: string;
  readonly title: string;
  readonly unit: "jobs/s" | "ms";
  round(session: Session): Promise<number>;
}

/** The measures, in the order in which they are printed. */
export const MEASURES: readonly Measure[] = [
  {
    key: "dispatch",
    title: `bulk dispatch, ${DISPATCH_JOBS.toLocaleString("en")} jobs by ${BATCH.toLocaleString("en")}`,
    unit: "jobs/s",
    round: async (session) => {
      const from = performance.now();
      await session.dispatch(DISPATCH_JOBS, BATCH);
      return (DISPATCH_JOBS / (performance.now() - from)) * 1_000;
    },
  },
  {
    key: "drain",
    title: `drain of ${DRAIN_JOBS.toLocaleString("en")} no-op jobs, concurrency ${CONCURRENCY}`,
    unit: "jobs/s",
    round: async (session) => {
      await session.dispatch(DRAIN_JOBS, BATCH);
      return (DRAIN_JOBS / (await session.drain(DRAIN_JOBS, CONCURRENCY))) * 1_000;
    },
  },
  {
    key: "pickup",
    title: "dispatch to handler start, idle worker, p50",
    unit: "ms",
    round: async (session) => {
      const once = await session.pickup();
      const samples: number[] = [];
      for (let n = 0; n < PICKUP_JOBS; n++) {
        await sleep(PICKUP_PAUSE_MS);
        samples.push(await once());
      }
      return median(samples);
    },
  },
];
