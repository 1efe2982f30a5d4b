// A worker process for tests of limits across processes. Its argument is the JSON of WorkerSettings.
import { createForge, type Duration } from "@forge-jobs/core";
import { appendFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { limitedJobs } from "./limited-jobs.ts";
import type { WorkerSettings } from "./processes.ts";
import { openStore } from "./stores.ts";

const settings = JSON.parse(process.argv[2] ?? "") as WorkerSettings;

// Outside the database. All processes append to one file, so its lines are in the order of what happened.
const note = (what: "start" | "end", key: string): void =>
  appendFileSync(settings.effects, `${what} ${process.pid} ${key}\n`);

const forge = createForge({
  store: openStore(settings.address),
  jobs: limitedJobs(async (key) => {
    note("start", key);
    await sleep(settings.workMs);
    note("end", key);
  }),
  worker: { queues: { keyed: settings.slots, narrow: settings.slots }, lease: settings.lease as Duration },
  logger: { debug() {}, info() {}, warn() {}, error: (message, fields) => console.error(message, fields) },
});
process.on("SIGTERM", () => void forge.stop({ timeout: "5s" }).then(() => process.exit()));
await forge.start();
process.send?.("ready");
