import { expect } from "vitest";
import { until } from "../../../../test/support/until.ts";
import { effectsOf } from "./processes.ts";
import type { TestDatabase } from "./stores.ts";

const SQLITE_TRIGGER = `CREATE TRIGGER count_settles AFTER INSERT ON forge_ended
  BEGIN INSERT INTO test_settles (job_id, status) VALUES (NEW.id, NEW.status); END`;
const POSTGRES_TRIGGER = `CREATE FUNCTION count_settle() RETURNS trigger LANGUAGE plpgsql AS
  $$ BEGIN INSERT INTO test_settles (job_id, status) VALUES (NEW.id::text, NEW.status); RETURN NULL; END $$;
  CREATE TRIGGER count_settles AFTER INSERT ON forge_ended FOR EACH ROW EXECUTE FUNCTION count_settle()`;

/** Records every move of a row into the ended table, inside the transaction that moves it. */
export async function countSettles(database: TestDatabase): Promise<void> {
  await database.query("CREATE TABLE test_settles (job_id text NOT NULL, status text NOT NULL)");
  await database.query("sqlite" in database.address ? SQLITE_TRIGGER : POSTGRES_TRIGGER);
}

/** How many settles there were so far. */
export async function settleCount(database: TestDatabase): Promise<number> {
  const [row] = await database.query("SELECT count(*) AS n FROM test_settles");
  return Number(row?.["n"]);
}

export async function untilSettled(database: TestDatabase, jobs: number, within = 40_000): Promise<void> {
  await until(async () => (await settleCount(database)) >= jobs, { what: `${jobs} jobs to settle`, within, every: 50 });
}

/**
 * Nothing lost, nothing settled twice, no attempt charged: each of these jobs ran, by what handlers wrote outside the
 * database, and completed once, by what the trigger saw, with one attempt.
 */
export async function expectAllOnce(database: TestDatabase, effects: string, ids: readonly string[]): Promise<void> {
  const settles = await database.query("SELECT job_id, status FROM test_settles");
  expect(settles.map((row) => String(row["job_id"])).toSorted()).toEqual(ids.toSorted());
  expect(new Set(settles.map((row) => row["status"]))).toEqual(new Set(["completed"]));
  const counts = await effectsOf(effects);
  for (const id of ids) expect(counts.get(id) ?? 0, `runs of ${id}`).toBeGreaterThanOrEqual(1);
  const charged = await database.query("SELECT id, attempts FROM forge_jobs WHERE attempts <> 1");
  expect(charged, "attempts charged to jobs of a worker that died").toEqual([]);
}
