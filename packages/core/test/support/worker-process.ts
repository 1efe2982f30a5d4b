// A worker process for tests that kill it. Its argument is the JSON of WorkerSettings.
import { createForge, defineJob, type Duration } from "@forge-jobs/core";
import { release1 } from "../fixtures/release-1/release-1.ts";
import { appendFileSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { WorkerSettings, WorkInput } from "./processes.ts";
import { openStore, openStoreOfRelease1 } from "./stores.ts";

const settings = JSON.parse(process.argv[2] ?? "") as WorkerSettings;

const engine = settings.release1 === true ? release1 : { createForge, defineJob };

const work = engine.defineJob("work", {
  run: async (ctx, input: WorkInput) => {
    // Outside the database, and before the work: a run that is killed half way has had its effect.
    const isFirst = !readFileSync(settings.effects, { encoding: "utf8", flag: "a+" }).includes(ctx.jobId);
    appendFileSync(settings.effects, `${ctx.jobId}\n`);
    if (input?.dies === true) process.kill(process.pid, "SIGKILL");
    if (isFirst && input?.blocksMs !== undefined) block(input.blocksMs);
    ctx.progress(50);
    await sleep(settings.workMs);
  },
});

const forge = engine.createForge({
  store: settings.release1 === true ? openStoreOfRelease1(settings.address) : openStore(settings.address),
  jobs: [work],
  worker: { queues: { default: settings.slots }, lease: settings.lease as Duration },
  logger: { debug() {}, info() {}, warn() {}, error: (message, fields) => console.error(message, fields) },
});

function block(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

process.on("SIGTERM", () => void forge.stop({ timeout: "5s" }).then(() => process.exit()));
await forge.start();
process.send?.("ready");
