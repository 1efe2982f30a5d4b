import { createForge } from "@forge-jobs/core";
import { appendFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, inject, test } from "vitest";
import { tempDir } from "../../../test/support/temp-dir.ts";
import { until } from "../../../test/support/until.ts";
import { limitedJobs, PER_KEY } from "./support/limited-jobs.ts";
import { startLimitedProcess, type WorkerProcess, type WorkerSettings } from "./support/processes.ts";
import { openStore, postgresDatabase, sqliteDatabase, type TestDatabase } from "./support/stores.ts";
import { recordingLogger } from "./support/world.ts";

const GLOBAL = 3;
const PROCESSES = 4;
const KILLS = 4;
const KEYS = ["a", "b", "c"];
const EACH = 60;

/** The most runs of one key that were under way at once, by key; a process that was killed ran nothing from then on. */
function mostAtOnce(lines: readonly string[]): Map<string, number> {
  const running: { pid: string; key: string }[] = [];
  const most = new Map<string, number>();
  for (const line of lines) {
    const [what, pid = "", key = ""] = line.split(" ");
    if (what === "start") {
      running.push({ pid, key });
      most.set(key, Math.max(most.get(key) ?? 0, running.filter((run) => run.key === key).length));
    } else {
      const isOver = (run: { pid: string; key: string }): boolean =>
        run.pid === pid && (what === "killed" || run.key === key);
      const over = what === "killed" ? running.filter(isOver) : running.filter(isOver).slice(0, 1);
      for (const run of over) running.splice(running.indexOf(run), 1);
    }
  }
  return most;
}

const databases: [string, () => Promise<TestDatabase>][] = [
  ["SQLite", sqliteDatabase],
  ["PostgreSQL 15", () => postgresDatabase(inject("postgres")[15])],
  ["PostgreSQL 18", () => postgresDatabase(inject("postgres")[18])],
];

describe.each(databases)("%s", (_, open) => {
  test(
    "four processes, some of them killed and others started, never run more than the limits, and run everything",
    { timeout: 120_000 },
    async () => {
      await using database = await open();
      await using dir = await tempDir();
      const effects = join(dir.path, "effects");
      const [keyed, narrow] = limitedJobs(() => Promise.resolve());
      const store = openStore(database.address);
      const forge = createForge({ store, jobs: [keyed, narrow], worker: false, logger: recordingLogger([]) });
      await forge.start();
      await forge.queues.configure("narrow", { globalConcurrency: GLOBAL });
      const settings: WorkerSettings = { address: database.address, effects, workMs: 15, lease: "2s", slots: 10 };
      const processes: WorkerProcess[] = [];
      const lines = async (): Promise<string[]> =>
        (await readFile(effects, "utf8").catch(() => "")).split("\n").filter(Boolean);
      try {
        for (let n = 0; n < PROCESSES; n++) processes.push(await startLimitedProcess(settings));
        const keys = Array.from({ length: EACH }, () => KEYS).flat();
        const ids = [
          ...(await forge.dispatchMany(keyed, keys)),
          ...(await forge.dispatchMany(
            narrow,
            Array.from({ length: 2 * EACH }, () => "narrow"),
          )),
        ];
        for (let kill = 1; kill <= KILLS; kill++) {
          const enough = kill * EACH;
          await until(async () => (await lines()).length > enough, {
            what: `${enough} lines`,
            within: 60_000,
            every: 5,
          });
          const victim = processes.shift()!;
          // Stopped first, so that the note is written before others can see that it is gone, and take its jobs.
          await victim.signal("SIGSTOP");
          appendFileSync(effects, `killed ${victim.process.pid}\n`);
          await victim.signal("SIGKILL");
          processes.push(await startLimitedProcess(settings));
        }
        await until(
          async () => (await forge.jobs.list({ status: "completed", limit: 1_000 })).jobs.length === ids.length,
          {
            what: "everything to complete",
            within: 60_000,
          },
        );
        const most = mostAtOnce(await lines());
        expect([...most.keys()].toSorted()).toEqual([...KEYS, "narrow"]);
        for (const [key, count] of most) {
          expect(count, key).toBeLessThanOrEqual(key === "narrow" ? GLOBAL : PER_KEY);
          expect(count, key).toBeGreaterThan(1);
        }
      } finally {
        await Promise.all(processes.map((one) => one[Symbol.asyncDispose]()));
        await forge.stop();
      }
    },
  );
});
