import type { ChangeListener, Forge } from "@forge-jobs/core";
import { sqliteStore } from "@forge-jobs/core/sqlite";
import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import { puppet } from "./support/puppet.ts";
import { openWorld } from "./support/world.ts";

/** Lets a test hold back what reads of states answer, after they have been read. */
class SlowReads {
  #held: Promise<void> | null = null;
  #release = (): void => {};
  count = 0;

  readonly between = (forge: Forge): Forge => ({
    ...forge,
    jobs: {
      ...forge.jobs,
      states: async (ids) => {
        this.count++;
        const held = this.#held;
        const records = await forge.jobs.states(ids);
        await held;
        return records;
      },
    },
  });

  hold(): void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#held = promise;
    this.#release = resolve;
  }

  release(): void {
    this.#held = null;
    this.#release();
  }
}

/** Stands for a store whose hints get lost, or that says that it hears none. */
function withChanges(change: (listener: ChangeListener) => ChangeListener): (forge: Forge) => Forge {
  return (forge) => ({ ...forge, changes: { subscribe: (listener) => forge.changes.subscribe(change(listener)) } });
}

test("an update between registering and reading is not lost, and no older state follows it", async () => {
  const work = puppet();
  const reads = new SlowReads();
  await using world = await openWorld({ jobs: [work.job], between: reads.between });
  const jobId = await world.forge.dispatch(work.job, null);
  const run = await work.run(jobId);
  await expect.poll(async () => (await world.forge.jobs.get(jobId))?.status).toBe("running");

  reads.hold();
  const opening = world.stream(`/events?v=1&job=${jobId}`);
  await expect.poll(() => reads.count).toBe(1);
  // The first read has its answer by now, which is about to be old.
  run.finish("new");
  await world.forge.jobs.wait(jobId);
  reads.release();

  const stream = await opening;
  await stream.next("job", ({ status }) => status === "completed");
  const revisions = stream.states(jobId).map(({ revision }) => revision);
  expect(revisions).toEqual(revisions.toSorted((a, b) => a - b));
});

test("a read that began before somebody registered does not answer for it", async () => {
  const work = puppet();
  const reads = new SlowReads();
  await using world = await openWorld({ jobs: [work.job], between: reads.between, gateway: { backstop: "60s" } });
  const jobId = await world.forge.dispatch(work.job, null);
  const run = await work.run(jobId);
  await expect.poll(async () => (await world.forge.jobs.get(jobId))?.status).toBe("running");

  reads.hold();
  const early = world.call(`/jobs/${jobId}`);
  await expect.poll(() => reads.count).toBe(1);
  // Nobody watches the job yet, so its hint is nobody's.
  run.finish("new");
  await world.forge.jobs.wait(jobId);
  const late = world.call(`/jobs/${jobId}`);
  reads.release();
  expect((await early).data).toMatchObject({ status: "running" });
  expect((await late).data).toMatchObject({ status: "completed", output: "new" });
});

test("who asks for the same state at the same time shares one read", async () => {
  const work = puppet();
  const reads = new SlowReads();
  let received = 0;
  const authenticate = (): null => {
    received++;
    return null;
  };
  await using world = await openWorld({
    jobs: [work.job],
    worker: false,
    between: reads.between,
    gateway: { authenticate },
  });
  const jobId = await world.forge.dispatch(work.job, null);
  reads.hold();
  const first = world.call(`/jobs/${jobId}`);
  await expect.poll(() => reads.count).toBe(1);
  const others = Array.from({ length: 50 }, () =>
    world.call("/poll", { body: { watch: [{ id: jobId, revision: 0 }] } }),
  );
  await expect.poll(() => received).toBe(51);
  reads.release();
  expect((await first).status).toBe(200);
  for (const { data } of await Promise.all(others)) expect(data).toMatchObject({ states: [{ jobId }] });
  expect(reads.count).toBe(2);
});

test("a change whose hint was lost is found by the backstop, and counted", async () => {
  const work = puppet();
  let isDropping = false;
  const between = withChanges((listener) => ({
    ...listener,
    onMoved: (...hint) => (isDropping ? undefined : listener.onMoved?.(...hint)),
  }));
  await using world = await openWorld({ jobs: [work.job], between, gateway: { backstop: "100ms" } });
  const jobId = await world.forge.dispatch(work.job, null);
  const run = await work.run(jobId);
  const stream = await world.stream(`/events?v=1&job=${jobId}`);
  await stream.next("job", ({ status }) => status === "running");
  isDropping = true;
  run.finish();
  await stream.next("job", ({ status }) => status === "completed");
  await expect.poll(() => world.app.forgeGateway.stats().backstopFinds).toBe(1);
});

test("the backstop finds nothing while hints arrive", async () => {
  const work = puppet();
  await using world = await openWorld({ jobs: [work.job], gateway: { backstop: "20ms" } });
  const jobId = await world.forge.dispatch(work.job, null);
  const run = await work.run(jobId);
  const stream = await world.stream(`/events?v=1&job=${jobId}`);
  for (let n = 1; n <= 100; n++) {
    run.ctx.progress(n);
    await stream.next("job", ({ progress }) => progress === n);
  }
  expect(world.app.forgeGateway.stats().backstopFinds).toBe(0);
});

test("a change that the backstop meets before its hint is not counted", async () => {
  const work = puppet();
  const reads = new SlowReads();
  const late: (() => void)[] = [];
  let isLate = false;
  const changes = withChanges((listener) => ({
    ...listener,
    onMoved: (...hint) => (isLate ? late.push(() => listener.onMoved?.(...hint)) : listener.onMoved?.(...hint)),
  }));
  const between = (forge: Forge): Forge => reads.between(changes(forge));
  await using world = await openWorld({ jobs: [work.job], between, gateway: { backstop: "200ms" } });
  const jobId = await world.forge.dispatch(work.job, null);
  const run = await work.run(jobId);
  const stream = await world.stream(`/events?v=1&job=${jobId}`);
  await stream.next("job", ({ status }) => status === "running");
  isLate = true;
  run.finish();
  await stream.next("job", ({ status }) => status === "completed");
  for (const hint of late) hint();
  const before = reads.count;
  await expect.poll(() => reads.count).toBeGreaterThan(before + 2);
  expect(world.app.forgeGateway.stats().backstopFinds).toBe(0);
});

test("while hints of other processes do not arrive, the hub looks as often as a client would poll", async () => {
  const work = puppet();
  const between = withChanges((listener) => ({ ...listener, onMoved: () => {}, onLive: () => listener.onLive(false) }));
  await using world = await openWorld({ jobs: [work.job], between, gateway: { backstop: "60s", poll: "50ms" } });
  const jobId = await world.forge.dispatch(work.job, null);
  const run = await work.run(jobId);
  const stream = await world.stream(`/events?v=1&job=${jobId}`);
  run.finish();
  await stream.next("job", ({ status }) => status === "completed");
  expect(world.app.forgeGateway.stats()).toMatchObject({ backstopFinds: 0, stale: false });
});

test("what another process does to a SQLite file reaches the streams of this one", async () => {
  const work = puppet();
  await using world = await openWorld({ jobs: [work.job], worker: false });
  await using other = await openWorld({ jobs: [work.job], store: () => sqliteStore(world.file) });
  const jobId = await world.forge.dispatch(work.job, null);
  const stream = await world.stream(`/events?v=1&job=${jobId}`);
  const run = await work.run(jobId);
  run.ctx.progress(30, "over there");
  await stream.next("job", ({ message }) => message === "over there");
  run.finish(7);
  expect(await stream.next("job", ({ status }) => status === "completed")).toMatchObject({ output: 7 });
  expect(other.forge.definition("puppet")).toBeDefined();
});

test("a settled job that somebody retries comes alive again for whoever still watches", async () => {
  const work = puppet("puppet", { public: true, retry: { maxAttempts: 1 } });
  await using world = await openWorld({ jobs: [work.job] });
  const jobId = await world.forge.dispatch(work.job, null);
  const stream = await world.stream(`/events?v=1&job=${jobId}`);
  (await work.run(jobId)).fail(new Error("no"));
  const failed = await stream.next("job", ({ status }) => status === "failed");
  await world.call(`/jobs/${jobId}/retry`, { body: {} });
  const again = await stream.next("job", ({ status }) => status === "running");
  expect(again.revision).toBeGreaterThan(failed.revision);
});

test("a row that was damaged by hand keeps no other from its watchers", async () => {
  const work = puppet();
  await using world = await openWorld({ jobs: [work.job] });
  const [bad, good] = await Promise.all([1, 2].map(() => world.forge.dispatch(work.job, null)));
  const runs = await Promise.all([bad!, good!].map((id) => work.run(id)));
  const stream = await world.stream(`/events?v=1&job=${bad}&job=${good}`);
  for (const run of runs) run.finish();
  await Promise.all(
    [bad!, good!].map((id) => stream.next("job", ({ jobId, status }) => jobId === id && status === "completed")),
  );
  const db = new DatabaseSync(world.file);
  db.prepare("UPDATE forge_ended SET output = '{', revision = revision + 1 WHERE id = ?").run(bad!);
  db.prepare("UPDATE forge_ended SET output = '\"mended\"', revision = revision + 1 WHERE id = ?").run(good!);
  db.close();
  expect(await stream.next("job", ({ output }) => output === "mended")).toMatchObject({ jobId: good });
});

test("when the database turns out to be another one, everybody is sent to begin anew", async () => {
  const work = puppet();
  let listener: ChangeListener | undefined;
  let epoch = "before";
  const between = (forge: Forge): Forge => ({
    ...withChanges((subscribed) => (listener = subscribed))(forge),
    identity: async () => ({ ...(await forge.identity()), epoch }),
  });
  await using world = await openWorld({ jobs: [work.job], worker: false, between });
  const jobId = await world.forge.dispatch(work.job, null);
  const stream = await world.stream(`/events?v=1&job=${jobId}`);
  expect(stream.connected.epoch).toBe("before");
  listener?.onLive(false);
  listener?.onLive(true);
  expect((await world.call("/health")).status).toBe(200);
  epoch = "after";
  listener?.onLive(false);
  listener?.onLive(true);
  expect((await stream.next("goaway")).reason).toBe("database changed");
  await stream.ended;
  expect((await world.stream()).connected.epoch).toBe("after");
});
