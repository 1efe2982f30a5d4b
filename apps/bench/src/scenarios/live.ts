import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { createDatabase } from "../../../../test/support/database.ts";
import type { Scenario } from "../scenario.ts";
import { startSseServer } from "../sse-server.ts";
import { quantile } from "../statistics.ts";
import { table } from "../table.ts";

const STEPS = 1_000;
const PAUSE_MS = 10;

/**
 * From a handler's word to a client's callback, uncongested: another process over a real socket, with the client that
 * browsers use. It begins before the commit, so what is promised of commit to callback holds if this does.
 */
export const live: Scenario = {
  key: "live",
  title: "from progress() to the client's callback",
  async run({ server, say }) {
    const folder = await mkdtemp(join(tmpdir(), "forge-bench-"));
    const database = await createDatabase(server.url);
    const rows: string[][] = [];
    for (const [name, where] of [
      ["SQLite", join(folder, "forge.db")],
      ["PostgreSQL", database.url],
    ] as const) {
      const waits = (await measured(where)).toSorted((a, b) => a - b);
      const [p50, p99] = [quantile(waits, 0.5), quantile(waits, 0.99)];
      say(`live, ${name}: p50 ${p50.toFixed(2)} ms, p99 ${p99.toFixed(2)} ms`);
      rows.push([name, `${p50.toFixed(2)} ms`, `${p99.toFixed(2)} ms`]);
    }
    await database.drop();
    await rm(folder, { recursive: true });
    return table(["store", "p50 (at most 5 ms)", "p99 (at most 20 ms)"], rows);
  },
};

async function measured(where: string): Promise<number[]> {
  const streaming = await startSseServer("forge", where);
  const waits: number[] = [];
  // Its own process, without the condition that makes packages resolve to their sources: the parser that the client uses
  // names its TypeScript by the same word, and Node strips no types below node_modules.
  const client = fork(new URL("../live-main.ts", import.meta.url), [String(streaming.port), streaming.path], {
    execArgv: [],
  });
  await once(client, "message");
  for (let n = 0; n < STEPS; n++) {
    await sleep(PAUSE_MS);
    const seen = once(client, "message");
    streaming.say(String(performance.timeOrigin + performance.now()));
    waits.push(((await seen) as [number])[0]);
  }
  client.disconnect();
  await streaming.stop();
  return waits;
}
