// The program of a worker process; see peer-process.ts.
import { createForge, defineJob } from "@forge-jobs/core";
import { postgresStore } from "@forge-jobs/core/postgres";
import { Logger, run } from "graphile-worker";
import pg from "pg";
import type { PeerOptions } from "./peer-process.ts";
import { POOL_SIZE } from "./settings.ts";

const REPORT_MS = 100;

const [library, json] = process.argv.slice(2) as [string, string];
const { url, concurrency, workers } = JSON.parse(json) as PeerOptions;
const say = (message: unknown): void => void process.send?.(message);

let waits: number[] = [];
function onStart(input: { at?: number } | null): void {
  if (input?.at !== undefined) waits.push(performance.timeOrigin + performance.now() - input.at);
}
const reporting = setInterval(() => {
  if (waits.length > 0) say(waits.splice(0));
}, REPORT_MS);

async function startForge(): Promise<() => Promise<void>> {
  const noop = defineJob("noop", { run: (_ctx, input: { at?: number }) => onStart(input) });
  const pool = new pg.Pool({ connectionString: url, max: POOL_SIZE });
  const forge = createForge({
    store: postgresStore({ pool }),
    jobs: [noop],
    worker: { queues: { default: concurrency } },
  });
  await forge.start();
  return async () => {
    await forge.stop();
    await pool.end();
  };
}

async function startGraphile(): Promise<() => Promise<void>> {
  const pool = new pg.Pool({ connectionString: url, max: POOL_SIZE });
  pool.on("error", () => {});
  const runner = await run({
    pgPool: pool,
    concurrency,
    logger: new Logger(() => () => {}),
    noHandleSignals: true,
    taskList: { noop: (payload) => onStart(payload as { at?: number }) },
    preset: { worker: { localQueue: { size: 500 }, completeJobBatchDelay: 0, failJobBatchDelay: 0 } },
  });
  return async () => {
    await runner.stop();
    await pool.end();
  };
}

let stops: (() => Promise<void>)[] = [];
process.on("message", (message) => {
  if (message === "go") void go();
  if (message === "stop") void stop();
});
// A parent that died leaves no worker behind.
process.on("disconnect", () => process.exit(1));
say("ready");

async function go(): Promise<void> {
  const start = library === "forge" ? startForge : startGraphile;
  stops = await Promise.all(Array.from({ length: workers }, start));
  say("working");
}

async function stop(): Promise<void> {
  await Promise.all(stops.map((end) => end()));
  clearInterval(reporting);
  if (waits.length > 0) say(waits);
  process.disconnect();
}
