// A worker process with a cron for every second, for tests that kill it. Its argument is the JSON of CronProcessSettings.
import { createForge, defineCron } from "@forge-jobs/core";
import { appendFileSync } from "node:fs";
import type { CronProcessSettings } from "./processes.ts";
import { openStore } from "./stores.ts";

const settings = JSON.parse(process.argv[2] ?? "") as CronProcessSettings;

const everySecond = defineCron("* * * * * *", {
  name: "every_second",
  // Every tick counts, also those of seconds in which the machine has other things to do.
  catchUp: true,
  catchUpLimit: 1_000,
  overlap: "allow",
  run: (ctx) => appendFileSync(settings.effects, `${ctx.jobId}\n`),
});

const forge = createForge({
  store: openStore(settings.address),
  jobs: [],
  crons: [everySecond],
  worker: { queues: { default: 10 }, lease: "2s" },
  logger: { debug() {}, info() {}, warn() {}, error: (message, fields) => console.error(message, fields) },
});
process.on("SIGTERM", () => void forge.stop({ timeout: "5s" }).then(() => process.exit()));
await forge.start();
process.send?.("ready");
