import { setTimeout as sleep } from "node:timers/promises";
import type { Session } from "./contender.ts";
import {
  BATCH,
  CONCURRENCY,
  DISPATCH_JOBS,
  DRAIN_JOBS,
  LARGE_INPUT_BYTES,
  PICKUP_JOBS,
  PICKUP_PAUSE_MS,
} from "./settings.ts";
import { median } from "./statistics.ts";

/** One row of the benchmark: what is measured, in which unit, and how one round of it goes. */
export interface Measure {
  readonly key: string;
  readonly title: string;
  readonly unit: "jobs/s" | "ms";
  round(session: Session): Promise<number>;
}

const count = (jobs: number): string => jobs.toLocaleString("en");

function dispatch(inputBytes: number): Measure["round"] {
  return async (session) => {
    const from = performance.now();
    await session.dispatch(DISPATCH_JOBS, BATCH, inputBytes);
    return (DISPATCH_JOBS / (performance.now() - from)) * 1_000;
  };
}

function drain(inputBytes: number): Measure["round"] {
  return async (session) => {
    await session.dispatch(DRAIN_JOBS, BATCH, inputBytes);
    return (DRAIN_JOBS / (await session.drain(DRAIN_JOBS, CONCURRENCY))) * 1_000;
  };
}

/** The measures, in the order in which they are printed. */
export const MEASURES: readonly Measure[] = [
  {
    key: "dispatch",
    title: `bulk dispatch, ${count(DISPATCH_JOBS)} jobs by ${count(BATCH)}`,
    unit: "jobs/s",
    round: dispatch(0),
  },
  {
    key: "drain",
    title: `drain of ${count(DRAIN_JOBS)} no-op jobs, concurrency ${CONCURRENCY}`,
    unit: "jobs/s",
    round: drain(0),
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
  {
    key: "dispatch-large",
    title: `bulk dispatch with inputs of ${count(LARGE_INPUT_BYTES)} bytes`,
    unit: "jobs/s",
    round: dispatch(LARGE_INPUT_BYTES),
  },
  {
    key: "drain-large",
    title: `drain with inputs of ${count(LARGE_INPUT_BYTES)} bytes`,
    unit: "jobs/s",
    round: drain(LARGE_INPUT_BYTES),
  },
];
