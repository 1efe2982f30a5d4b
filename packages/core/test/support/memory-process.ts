// Measures what jobs leave in the heap of a process that works on them. Its argument is the JSON of MemorySettings; run it
// with --expose-gc. It sends one MemoryReport.
import { createForge, defineJob } from "@forge-jobs/core";
import { setImmediate as turn, setTimeout as sleep } from "node:timers/promises";
import { openStore, type Address } from "./stores.ts";
import { silent } from "./world.ts";

export interface MemorySettings {
  readonly address: Address;
  /** Jobs to run between two looks at the heap. */
  readonly jobs: number;
  /** Jobs to have waiting between two looks. */
  readonly pending: number;
  /** Jobs that dispatch a child and wait for it. */
  readonly parents: number;
  /** How many of them end between two looks. */
  readonly ended: number;
}

/** Bytes of live heap. */
export interface MemoryReport {
  readonly afterSomeJobs: number;
  readonly afterManyJobs: number;
  readonly withPending: number;
  /** While as many parents wait as may, and the others for their turn. */
  readonly withParents: number;
  readonly afterSomeParents: number;
  /** Parents whose handlers had begun and not ended, at most. */
  readonly mostParents: number;
}

const BATCH = 1_000;
const WARM_UP = 10_000;
const SLOTS = 10;

const { address, jobs, pending, parents, ended } = JSON.parse(process.argv[2] ?? "") as MemorySettings;

const counts = { ran: 0, waiting: 0, begun: 0, wentOn: 0 };
let mostParents = 0;
const weaned = Promise.withResolvers<void>();
const quick = defineJob("quick", { run: () => void counts.ran++ });
const stuck = defineJob("stuck", {
  run: (ctx) => {
    counts.waiting++;
    return new Promise<void>((resolve) => ctx.signal.addEventListener("abort", () => resolve()));
  },
});
const child = defineJob("child", { queue: "children", run: () => weaned.promise });
const parent = defineJob("parent", {
  queue: "families",
  run: async (ctx) => {
    mostParents = Math.max(mostParents, ++counts.begun - counts.wentOn);
    await ctx.waitForJobs([await ctx.dispatchChild(child, {})]);
    counts.wentOn++;
  },
});
const inputs = Array.from({ length: BATCH }, (_, n) => ({ n }));

const forge = createForge({
  store: openStore(address),
  jobs: [quick, stuck, parent, child],
  worker: { queues: { default: SLOTS, families: SLOTS, children: SLOTS } },
  logger: silent,
});
await forge.start();
await runQuick(WARM_UP);
const afterSomeJobs = await liveBytes();
await runQuick(jobs);
const afterManyJobs = await liveBytes();
for (let n = 0; n < pending; n += BATCH) await forge.dispatchMany(stuck, inputs);
await reach("waiting", SLOTS);
const withPending = await liveBytes();
for (let n = 0; n < parents; n += BATCH) await forge.dispatchMany(parent, inputs);
await reach("begun", Math.min(parents, 10 * SLOTS));
const withParents = await liveBytes();
weaned.resolve();
await reach("wentOn", ended);
const afterSomeParents = await liveBytes();
const heaps = { afterSomeJobs, afterManyJobs, withPending, withParents, afterSomeParents };
const report: MemoryReport = { ...heaps, mostParents };
process.send?.(report, () => process.exit(0));

async function runQuick(count: number): Promise<void> {
  const before = counts.ran;
  for (let n = 0; n < count; n += BATCH) {
    await forge.dispatchMany(quick, inputs);
    // No more than some batches wait at a time: what is measured is what stays, not what is under way.
    await reach("ran", before + n - 5 * BATCH);
  }
  await reach("ran", before + count);
}

async function reach(name: keyof typeof counts, least: number): Promise<void> {
  while (counts[name] < least) await sleep(5);
}

async function liveBytes(): Promise<number> {
  // Longer than the second over which the pace of handlers is kept, and long enough for the last outcomes to be written.
  await sleep(2_500);
  const { gc } = globalThis;
  if (gc === undefined) throw new Error("Run this with --expose-gc");
  // The last resort also drops what was compiled and not used since; some megabytes would otherwise go at any moment.
  let least = Infinity;
  for (let n = 0; n < 3; n++) {
    await turn();
    gc({ execution: "sync", type: "major", flavor: "last-resort" });
    least = Math.min(least, process.memoryUsage().heapUsed);
  }
  return least;
}
