import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { expect, inject, test } from "vitest";
import type { MemoryReport, MemorySettings } from "./support/memory-process.ts";
import { postgresDatabase, sqliteDatabase, type TestDatabase } from "./support/stores.ts";

const MAIN = fileURLToPath(new URL("./support/memory-process.ts", import.meta.url));
/** A million for a long soak. */
const JOBS = Number(process.env["MEMORY_JOBS"] ?? 100_000);
const PENDING = 100_000;
const PARENTS = 100_000;
/** Those that end while the test looks; all of them take minutes. */
const ENDED = 2_000;
/** Ten a slot wait, and as many run as there are slots. */
const PARENTS_AT_ONCE = 11 * 10;
/** What a waiting handler, its context and its child's may take. */
const WAIT_BYTES = 20 * 1024;
/** What a heap differs by for other reasons: code that was compiled meanwhile, caches that fill once. */
const NOISE_BYTES = 3 * 1024 * 1024;

const databases: [string, () => Promise<TestDatabase>][] = [
  ["SQLite", sqliteDatabase],
  ["PostgreSQL 18", () => postgresDatabase(inject("postgres")[18])],
];

async function measure(settings: MemorySettings): Promise<MemoryReport> {
  const flags = ["--conditions=source", "--expose-gc", MAIN, JSON.stringify(settings)];
  const child = spawn(process.execPath, flags, { stdio: ["ignore", "inherit", "inherit", "ipc"] });
  const report = once(child, "message") as Promise<[MemoryReport]>;
  const ended = once(child, "exit").then(([code]) => Promise.reject(new Error(`It ended with ${String(code)}`)));
  const [found] = await Promise.race([report, ended]);
  await ended.catch(() => {});
  return found;
}

test.each(databases)(
  `%s: ${PENDING} pending jobs add nothing to a worker's heap, nor do ${JOBS} that ended, nor ${PARENTS} that wait for children`,
  { timeout: 120_000 + JOBS },
  async (_, open) => {
    await using database = await open();
    const heaps = await measure({
      address: database.address,
      jobs: JOBS,
      pending: PENDING,
      parents: PARENTS,
      ended: ENDED,
    });
    const { afterSomeJobs, afterManyJobs, withPending, withParents, afterSomeParents, mostParents } = heaps;
    // One id kept of each would show: 100,000 of them are 7 MB.
    expect(afterManyJobs - afterSomeJobs).toBeLessThan(NOISE_BYTES);
    expect(withPending - afterManyJobs).toBeLessThan(NOISE_BYTES);
    expect(mostParents).toBeLessThanOrEqual(PARENTS_AT_ONCE);
    expect(withParents - withPending).toBeLessThan(NOISE_BYTES + PARENTS_AT_ONCE * WAIT_BYTES);
    expect(afterSomeParents - withPending).toBeLessThan(NOISE_BYTES + PARENTS_AT_ONCE * WAIT_BYTES);
  },
);
