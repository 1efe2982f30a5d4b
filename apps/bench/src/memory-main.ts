// The program of a worker whose heap is looked at; see scenarios/memory.ts.
import { createForge, defineJob } from "@forge-jobs/core";
import { postgresStore } from "@forge-jobs/core/postgres";
import { setTimeout as sleep } from "node:timers/promises";
import { CONCURRENCY } from "./settings.ts";

const LOOKS = 10;
const SETTLE_MS = 3_000;

const [url, jobs] = process.argv.slice(2) as [string, string?];
const total = Number(jobs ?? 0);

function heap(): number {
  globalThis.gc?.();
  globalThis.gc?.();
  return process.memoryUsage().heapUsed;
}

let done = 0;
const all = Promise.withResolvers<void>();
const noop = defineJob("noop", {
  run: () => {
    done++;
    if (done % (total / LOOKS) === 0) process.send?.(heap());
    if (done === total) all.resolve();
  },
});
const forge = createForge({ store: postgresStore(url), jobs: [noop], worker: { queues: { default: CONCURRENCY } } });
await forge.start();
if (total > 0) {
  await all.promise;
} else {
  // Long enough for claims, beats and looks at due times to have happened.
  await sleep(SETTLE_MS);
  process.send?.(heap());
}
await forge.stop();
process.disconnect();
