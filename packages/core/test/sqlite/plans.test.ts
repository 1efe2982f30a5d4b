import { DatabaseSync } from "node:sqlite";
import { expect, test, vi } from "vitest";
import type { Store } from "../../src/store.ts";
import { insertJob, keyClaim, newJob, sqliteWorld } from "./sqlite-world.ts";

const process = { host: "h", bootId: "b", pidNamespace: "n", pid: 1, processStart: "s" };

/** The verbs of jobs under limits. */
async function limitedVerbs(store: Store): Promise<void> {
  await store.workers.register({ workerId: "limited", leaseMs: 1_000, process });
  for (const [n, rest] of [{}, { replace: true as const }].entries()) {
    await store.jobs.insert({ jobs: [newJob({ type: "replaced", keys: [keyClaim("r")], input: `${n}`, ...rest })] });
  }
  await store.queues.change({ name: "default", change: { globalConcurrency: 3 }, onlyAbsent: false });
  await insertJob(store, { limitKey: "a" });
  await insertJob(store, { limitKey: "b", due: { delayMs: 60_000 } });
  const limits = { global: true, keyed: [{ type: "t", perKey: 1 }] };
  const claim = { workerId: "limited", queue: "default", types: ["t"], limit: 10, oldestFirst: false, limits };
  await store.jobs.nextDue(claim);
  await store.jobs.claim(claim);
  await store.queues.lanes();
  await store.queues.depths({ queues: [{ name: "default", types: ["t"] }], limit: 10 });
  await store.sweeps.unkeyed({ lanes: [{ queue: "default", type: "t" }], limit: 10 });
  await store.rateLimits.configure({ scope: "s", tokens: 1, periodMs: 60_000, burst: 1 });
  await store.rateLimits.acquire({ scope: "s", jobIds: ["a", "b"] });
  await store.rateLimits.drain({ scope: "s", retryAfterMs: 10 });
  await store.sweeps.ratePlaces({ limit: 10 });
}

/** Calls every verb, in a way that leads to every statement. */
async function everyVerb(store: Store): Promise<void> {
  const claim = { workerId: "w", queue: "default", types: ["t", "u"], limit: 10 };
  const runOnce = async (
    outcome: Parameters<Store["jobs"]["update"]>[0]["updates"][number]["outcome"],
  ): Promise<string> => {
    const { id } = await insertJob(store, { keys: [keyClaim("k")] });
    await store.jobs.nextDue(claim);
    const [run] = await store.jobs.claim({ ...claim, oldestFirst: outcome?.kind === "completed" });
    const update = { id, claimNo: run!.claimNo, progress: undefined, message: undefined };
    await store.jobs.update({ updates: [{ ...update, started: true, outcome: null }] });
    await store.jobs.update({ updates: [{ ...update, started: false, progress: 1, outcome }] });
    return id;
  };
  await store.workers.register({ workerId: "w", leaseMs: 1_000, process });
  const text = { error: "e", publicError: "p" };
  const completed = await runOnce({ kind: "completed", output: null });
  const failed = await runOnce({ kind: "failed", ...text });
  await store.jobs.retry({ ids: [failed] });
  await store.jobs.cancel({ ids: [failed], reason: "r" });
  const waiting = await runOnce({ kind: "retry", delayMs: 0, ...text });
  await store.jobs.cancel({ ids: [waiting], reason: "r" });
  await runOnce({ kind: "discarded", ...text });
  const back = await runOnce({ kind: "given_back", delayMs: 0 });
  await store.jobs.cancel({ ids: [back], reason: "r" });
  const dead = await runOnce({ kind: "failed", ...text });
  await store.ended.findDead({ type: "t", queue: "default", errorName: "Error", limit: 5 });
  await store.ended.discard({ ids: [dead] });
  await store.ended.delete({ ids: [dead, completed] });
  const running = await runOnce(null);
  await store.jobs.cancel({ ids: [running], reason: "r" });
  await store.jobs.insertClaimed({ job: newJob(), workerId: "w" });
  await store.jobs.states({ ids: [failed] });
  await store.jobs.get({ ids: [failed] });
  await store.history.read({ jobIds: [failed] });
  await store.ended.deadLetters({ limit: 5 });
  for (const status of [undefined, "failed", "pending"] as const) {
    await store.jobs.list({ limit: 5, ...(status === undefined ? {} : { status }) });
  }
  await store.queues.lanes();
  await store.queues.depths({ queues: [{ name: "default", types: ["t", "u"] }], limit: 5 });
  await store.workers.running();
  await store.workers.beat({ workerId: "w", leaseMs: 1_000 });
  await store.workers.retire({ workerId: "w" });
  await store.workers.rescue({ workerId: "w", because: "gone", maxDeaths: 3, death: text });
  await store.sweeps.deadLetter({ afterMs: 0, limit: 10 });
  await store.sweeps.expiredKeys({ limit: 10 });
  const kept = '{"keep":{"endedMs":0,"deadMs":0}}';
  await store.jobs.insert({ jobs: [newJob({ overrides: kept })] });
  await store.jobs.cancel({ ids: [(await store.jobs.list({ limit: 1 }))[0]!.id], reason: "r" });
  await store.sweeps.expired({ limit: 10 });
  await store.sweeps.deletionNotes({ olderThanMs: 0, limit: 10 });
  for (const status of ["completed", "failed", "cancelled"] as const) {
    await store.sweeps.retain({ status, olderThanMs: 0, upTo: "~", limit: 10 });
  }
  await limitedVerbs(store);
}

/** Every statement on a table of jobs or keys that the verbs prepare. */
async function statements(store: Store): Promise<string[]> {
  const prepare = vi.spyOn(DatabaseSync.prototype, "prepare");
  try {
    await everyVerb(store);
    return [...new Set(prepare.mock.calls.map(([text]) => text))].filter((text) =>
      /forge_(live|ended|keys|history|saved|children)/.test(text),
    );
  } finally {
    prepare.mockRestore();
  }
}

test.each(["new tables", "tables that were analysed while they were empty"])(
  "no statement reads a whole table or sorts it, on %s",
  async (tables) => {
    await using world = await sqliteWorld();
    const handle = world.openHandle();
    if (tables !== "new tables") handle.exec("ANALYZE");
    const texts = await statements(world.openStore());
    expect(texts.length).toBeGreaterThan(25);
    for (const text of texts) {
      const plan = handle.prepare(`EXPLAIN QUERY PLAN ${text}`).all();
      const details = plan.map(({ detail }) => String(detail));
      const bad = details.filter((detail) => /^SCAN (forge_|l$|k$|e$)|TEMP B-TREE/.test(detail));
      expect(bad, text).toEqual([]);
    }
  },
);
