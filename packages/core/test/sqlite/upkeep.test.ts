import { statSync } from "node:fs";
import { expect, test } from "vitest";
import { until } from "../../../../test/support/until.ts";
import { insertJob, newJob, sqliteWorld } from "./sqlite-world.ts";

const MIB = 1024 * 1024;

test("a log that a long reader let grow is cut back once nothing is written", async () => {
  await using world = await sqliteWorld();
  const reader = world.openHandle();
  reader.exec("BEGIN");
  reader.prepare("SELECT count(*) FROM forge_live").get();
  const input = JSON.stringify("x".repeat(MIB / 2));
  for (let n = 0; n < 40; n++) await insertJob(world.store, { input });
  const size = (): number => statSync(`${world.file}-wal`).size;
  expect(size()).toBeGreaterThan(16 * MIB);
  reader.exec("COMMIT");
  await insertJob(world.store);
  await until(() => size() <= 16 * MIB, { what: "a smaller log" });
});

test("a file that was emptied gives its pages back, and writes go on meanwhile", async () => {
  await using world = await sqliteWorld();
  const input = JSON.stringify("x".repeat(64 * 1024));
  await world.store.jobs.insert({ jobs: Array.from({ length: 500 }, () => newJob({ input })) });
  const handle = world.openHandle();
  const pages = (): number => Number(handle.prepare("PRAGMA page_count").get()!["page_count"]);
  const before = pages();
  handle.exec("DELETE FROM forge_live");
  const job = await insertJob(world.store);
  await until(() => pages() < before - 500, { what: "a smaller file" });
  expect(await world.store.jobs.get({ ids: [job.id] })).toHaveLength(1);
});
