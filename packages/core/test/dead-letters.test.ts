import { defineJob, type Job } from "@forge-jobs/core";
import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import { openWorld, type World } from "./support/world.ts";

class NetworkError extends Error {}

let isBroken = true;

const flaky = defineJob<{ n: number }>("flaky", {
  retry: { maxAttempts: 1 },
  run: (_ctx, { n }) => {
    if (isBroken) throw n % 2 === 0 ? new NetworkError(`no ${n}`) : new TypeError(`no ${n}`);
  },
});

const other = defineJob("other", {
  queue: "media",
  retry: false,
  run: () => {
    if (isBroken) throw new NetworkError("no");
  },
});

/** An engine with so many dead letters, oldest first. */
async function withDead(count: number): Promise<{ world: World; ids: string[] }> {
  isBroken = true;
  const world = await openWorld({ jobs: [flaky, other] });
  const ids = await world.forge.dispatchMany(
    flaky,
    Array.from({ length: count }, (_, n) => ({ n })),
  );
  for (const id of ids) await world.forge.jobs.wait(id);
  return { world, ids };
}

test("a loop over the dead letters retries them and ends, though they fail again", async () => {
  const { world, ids } = await withDead(4);
  await using _ = world;
  let round = 0;
  for (const job of await world.forge.jobs.deadLetters({ limit: 100 })) {
    if (job.attempts < 10) await world.forge.jobs.retry(job.id);
    round++;
    expect((await world.forge.jobs.wait(job.id)).attempts).toBe(2);
  }
  expect(round).toBe(ids.length);
});

test("dead letters page newest first by a cursor", async () => {
  const { world, ids } = await withDead(5);
  await using _ = world;
  const { jobs } = world.forge;
  const pages: Job[][] = [];
  let cursor: string | null = null;
  do {
    const page: Awaited<ReturnType<typeof jobs.deadLetters>> = await jobs.deadLetters({
      limit: 2,
      type: "flaky",
      ...(cursor !== null && { cursor }),
    });
    expect([...page]).toEqual(page.jobs);
    pages.push(page.jobs);
    cursor = page.cursor;
  } while (cursor !== null);
  expect(pages.map((page) => page.length)).toEqual([2, 2, 1]);
  expect(pages.flat().map(({ id }) => id)).toEqual(ids.toReversed());
});

test("retryAll brings back what matches, counts it, and says by whom", async () => {
  const { world, ids } = await withDead(5);
  await using _ = world;
  const { jobs } = world.forge;
  const media = await world.forge.dispatch(other, null);
  await jobs.wait(media);
  isBroken = false;
  expect(await jobs.retryAll({ errorName: "NetworkError", dryRun: true })).toEqual({
    matched: 4,
    retried: 0,
    keyHeld: 0,
  });
  expect(await jobs.retryAll({ type: "flaky", errorName: "NetworkError", by: "ada" })).toEqual({
    matched: 3,
    retried: 3,
    keyHeld: 0,
  });
  expect((await jobs.wait(ids[0]!)).status).toBe("completed");
  expect((await jobs.get(ids[0]!, { history: true }))!.history!.at(-1)).toMatchObject({ event: "retry", by: "ada" });
  expect(await jobs.retryAll({ queue: "media" })).toMatchObject({ matched: 1, retried: 1 });
  expect(await jobs.retryAll({ limit: 1 })).toMatchObject({ matched: 1, retried: 1 });
  expect(await jobs.retryAll()).toMatchObject({ matched: 1, retried: 1 });
  expect(await jobs.retryAll()).toMatchObject({ matched: 0, retried: 0 });
});

test("retryAll goes on behind a batch, and spreads what it brings back over a time", async () => {
  const count = 1_200;
  const idle = defineJob<{ n: number }>("idle", { run: () => {} });
  await using world = await openWorld({ jobs: [idle], worker: false });
  const { jobs } = world.forge;
  const ids = await world.forge.dispatchMany(
    idle,
    Array.from({ length: count }, (_, n) => ({ n })),
  );
  const db = new DatabaseSync(world.file);
  db.exec(`INSERT INTO forge_ended (id, lane, priority, status, claim_no, revision, attempts, max_attempts, budget, scheduled_at,
      created_at, failed_at, job_type, queue, input)
    SELECT id, lane, priority, 'failed', 1, 3, 1, 1, 1, scheduled_at, created_at, created_at, job_type, queue, input FROM forge_live;
    DELETE FROM forge_live`);
  db.close();
  const before = Date.now();
  expect(await jobs.retryAll({ spread: "1h" })).toEqual({ matched: count, retried: count, keyHeld: 0 });
  const due = (await jobs.list({ limit: 1_000 })).jobs.map(({ scheduledAt }) => scheduledAt.getTime() - before);
  expect(due).toHaveLength(1_000);
  for (const part of [0, 1, 2, 3]) {
    // A quarter of the time holds a quarter of them, give or take six standard deviations.
    const within = due.filter((ms) => ms >= part * 900_000 && ms < (part + 1) * 900_000);
    expect(Math.abs(within.length - 250)).toBeLessThan(82);
  }
  expect((await jobs.get(ids[0]!))!.status).toBe("pending");
});

test("retryAll counts what another job's key keeps from coming back", async () => {
  const keyed = defineJob<{ n: number }>("keyed", {
    idempotent: true,
    retry: false,
    run: () => {
      if (isBroken) throw new Error("no");
    },
  });
  isBroken = true;
  await using world = await openWorld({ jobs: [keyed] });
  const first = await world.forge.dispatch(keyed, { n: 1 });
  await world.forge.jobs.wait(first);
  isBroken = false;
  await world.forge.dispatch(keyed, { n: 1 }, { delay: "1h" });
  expect(await world.forge.jobs.retryAll()).toEqual({ matched: 1, retried: 0, keyHeld: 1 });
});

test("a discarded job is out of reach of a retry; a deleted one is gone", async () => {
  const { world, ids } = await withDead(2);
  await using _ = world;
  const { jobs } = world.forge;
  const [a, b] = ids as [string, string];
  await jobs.discard(a, { by: "ada" });
  await jobs.discard(a);
  expect(await jobs.get(a)).toMatchObject({ status: "failed", discardedAt: expect.any(Date) });
  expect((await jobs.deadLetters()).jobs.map(({ id }) => id)).toEqual([b]);
  await expect(jobs.retry(a)).rejects.toMatchObject({ code: "CONFLICT" });
  expect(await jobs.retryAll({ dryRun: true })).toMatchObject({ matched: 1 });
  await jobs.delete(a, { by: "ada" });
  expect(await jobs.get(a)).toBeNull();
  await expect(jobs.delete(a)).rejects.toMatchObject({ code: "NOT_FOUND" });
  isBroken = false;
  await jobs.retry(b);
  await jobs.wait(b);
  await expect(jobs.discard(b)).rejects.toMatchObject({ code: "CONFLICT" });
  const waiting = await world.forge.dispatch(flaky, { n: 1 }, { delay: "1h" });
  await expect(jobs.delete(waiting)).rejects.toMatchObject({ code: "CONFLICT" });
});

test("wrong options of the verbs over dead letters are refused", async () => {
  await using world = await openWorld({ jobs: [flaky], worker: false });
  const { jobs } = world.forge;
  const refused = { code: "BAD_REQUEST" };
  await expect(jobs.deadLetters({ limit: 0 })).rejects.toMatchObject(refused);
  await expect(jobs.deadLetters({ cursor: "x" })).rejects.toMatchObject(refused);
  await expect(jobs.deadLetters({ status: "failed" } as never)).rejects.toMatchObject(refused);
  await expect(jobs.retryAll({ limit: 1.5 })).rejects.toMatchObject(refused);
  await expect(jobs.retryAll({ spread: "soon" as never })).rejects.toMatchObject(refused);
  await expect(jobs.retryAll({ dryRun: "yes" as never })).rejects.toMatchObject(refused);
  await expect(jobs.retryAll({ errorName: "" })).rejects.toMatchObject(refused);
  await expect(jobs.retryAll({ status: "failed" } as never)).rejects.toMatchObject(refused);
  await expect(jobs.discard("x")).rejects.toMatchObject(refused);
  await expect(jobs.delete("x")).rejects.toMatchObject(refused);
});
