import { expect } from "./expect.ts";
import { jobsOf, readCron, registerCron, registration, storeNow, tick } from "./one-cron.ts";
import { claimJob, newJob, updateJob } from "./one-job.ts";
import { OUTCOMES } from "./job-in.ts";
import { Recorder } from "./recorder.ts";
import type { Suite } from "./suite.ts";
import { advance, type World } from "./world.ts";

const MINUTE_MS = 60_000;

/** A cron whose clock has gone on by a minute since it was registered, so that a tick is due. */
async function cronWithTickDue({ store, ...world }: World) {
  const row = await registerCron(store);
  advance({ store, ...world }, MINUTE_MS);
  return { row, due: row.lastTick + MINUTE_MS / 2 };
}

/** Crons, their ticks, and what processes of several versions do to them. */
export const ticksSuite: Suite = {
  topic: "ticks",
  cases: [
    {
      name: "a new cron has no backlog: its last tick is now",
      async run({ store }) {
        const before = await storeNow(store);
        const row = await registerCron(store);
        expect(row).toMatchObject({
          ...registration(),
          pending: [],
          turn: 0,
          tickJobId: null,
          busy: false,
          lastJobId: null,
          lastScheduledAt: null,
          skipped: 0,
          lastSkippedAt: null,
          pausedAt: null,
          changedAt: null,
          changedBy: null,
        });
        expect(row.lastTick).toBeGreaterThanOrEqual(before);
        expect(row.seenAt).toBe(row.lastTick);
      },
    },
    {
      name: "crons are read by name in their order, or all of them; unknown names are left out",
      async run({ store }) {
        await store.crons.register({
          crons: ["c", "a", "b"].map((name) => registration({ name })),
          takeOver: false,
        });
        const names = async (wanted: string[] | null): Promise<string[]> =>
          (await store.crons.read({ names: wanted })).crons.map(({ name }) => name);
        expect(await names(null)).toEqual(["a", "b", "c"]);
        expect(await names(["c", "x", "a"])).toEqual(["a", "c"]);
        expect(await names([])).toEqual([]);
      },
    },
    {
      name: "registering again with the same hash keeps the ticks, and takes the rest over",
      async run(world) {
        const { store, other } = world;
        const { row, due } = await cronWithTickDue(world);
        await store.crons.advance(tick(row, due, { pending: [due - 2, due - 1] }));
        const again = await registerCron(other, { catchUp: true, template: '{"queue":"b"}' });
        expect(again).toMatchObject({
          lastTick: due,
          pending: [due - 2, due - 1],
          turn: 1,
          catchUp: true,
          template: '{"queue":"b"}',
        });
        expect(again.seenAt).toBeGreaterThan(row.seenAt);
      },
    },
    {
      name: "a changed expression begins now, without the backlog of the one before",
      async run(world) {
        const { store } = world;
        const { row, due } = await cronWithTickDue(world);
        await store.crons.advance(tick(row, due, { pending: [due - 1] }));
        advance(world, 60 * MINUTE_MS);
        const before = await storeNow(store);
        const changed = await registerCron(store, { expression: "30 3 * * *", hash: "hash-2" });
        expect(changed).toMatchObject({ expression: "30 3 * * *", hash: "hash-2", pending: [], turn: 2 });
        expect(changed.lastTick).toBeGreaterThanOrEqual(before);
      },
    },
    {
      name: "who takes over what nobody has any more begins where it was last seen, or behind its last tick",
      async run(world) {
        const { store } = world;
        const { row } = await cronWithTickDue(world);
        const taken = await registerCron(store, { hash: "hash-2", takeOver: true });
        expect(taken).toMatchObject({ hash: "hash-2", lastTick: row.seenAt, turn: 1 });
        advance(world, MINUTE_MS);
        const { seenAt } = await readCron(store);
        const later = seenAt + MINUTE_MS / 2;
        await store.crons.advance(tick(taken, later));
        expect(await registerCron(store, { hash: "hash-3", takeOver: true })).toMatchObject({ lastTick: later });
      },
    },
    {
      name: "being seen is told of the own definition only",
      async run(world) {
        const { store } = world;
        const { row } = await cronWithTickDue(world);
        await store.crons.seen({ crons: [{ name: "nightly", hash: "hash-2" }] });
        expect((await readCron(store)).seenAt).toBe(row.seenAt);
        await store.crons.seen({ crons: [{ name: "nightly", hash: "hash-1" }] });
        expect((await readCron(store)).seenAt).toBeGreaterThanOrEqual(row.seenAt + MINUTE_MS);
        expect(await readCron(store)).toMatchObject({ lastTick: row.lastTick, turn: 0 });
      },
    },
    {
      name: "a tick advances the row and inserts its jobs",
      async run(world) {
        const { store } = world;
        const { row, due } = await cronWithTickDue(world);
        const jobs = [newJob({ input: '{"n":1}' }), newJob({ type: "same" }), newJob({ type: "same" })];
        const one = tick(row, due, { runs: { jobs: [jobs[0]!], scheduledAt: due } });
        expect(await store.crons.advance(one)).toBe(true);
        expect(await jobsOf(store, one)).toEqual([jobs[0]!.id]);
        const first = await readCron(store);
        expect(first).toMatchObject({
          lastTick: due,
          turn: 1,
          busy: true,
          tickJobId: jobs[0]!.id,
          lastJobId: jobs[0]!.id,
          lastScheduledAt: due,
          skipped: 0,
        });
        const two = tick(first, due + 1, { runs: { jobs: jobs.slice(1), scheduledAt: due + 1 } });
        expect(await store.crons.advance(two)).toBe(true);
        expect(await jobsOf(store, two)).toHaveLength(2);
        expect(await readCron(store)).toMatchObject({ lastJobId: jobs[2]!.id, tickJobId: jobs[2]!.id });
      },
    },
    {
      name: "a cron is busy while the job of its last tick is unfinished",
      async run(world) {
        const { store } = world;
        const { row, due } = await cronWithTickDue(world);
        const one = tick(row, due);
        await store.crons.advance(one);
        const job = one.runs!.jobs[0]!;
        const { claimNo } = await claimJob(store, job);
        await updateJob(store, { id: job.id, claimNo }, { started: true });
        expect((await readCron(store)).busy).toBe(true);
        await updateJob(store, { id: job.id, claimNo }, { outcome: OUTCOMES.failed });
        expect((await readCron(store)).busy).toBe(false);
      },
    },
    {
      name: "a tick that is skipped is counted, and leaves the last run as it was",
      async run(world) {
        const { store } = world;
        const { row, due } = await cronWithTickDue(world);
        const one = tick(row, due);
        await store.crons.advance(one);
        const passed = tick(await readCron(store), due + 2, { skipped: [due + 1, due + 2], runs: null });
        expect(await store.crons.advance(passed)).toBe(true);
        expect(await readCron(store)).toMatchObject({
          lastTick: due + 2,
          skipped: 2,
          lastSkippedAt: due + 2,
          busy: true,
          lastJobId: one.runs!.jobs[0]!.id,
          lastScheduledAt: due,
        });
      },
    },
    {
      name: "a decision changes nothing where the turn, the hash or the name is another, or its tick is not due",
      async run(world) {
        const { store } = world;
        const { row, due } = await cronWithTickDue(world);
        const wrong = [
          tick(row, due, { turn: 1 }),
          tick(row, due, { hash: "hash-2" }),
          tick(row, due, { name: "other" }),
          tick(row, due + 10 * MINUTE_MS),
          tick(row, due + 10 * MINUTE_MS, { runs: null, skipped: [due] }),
        ];
        for (const one of wrong) {
          expect(await store.crons.advance(one)).toBe(false);
          expect(await jobsOf(store, one)).toEqual([]);
        }
        expect(await readCron(store)).toEqual(row);
      },
    },
    {
      name: "of decisions at the same time in several stores one wins, and its job alone exists",
      async run(world) {
        const { store, other } = world;
        let { row, due } = await cronWithTickDue(world);
        for (let round = 0; round < 10; round++) {
          const all = Array.from({ length: 20 }, () => tick(row, due + round));
          const won = await Promise.all(all.map((one, n) => (n % 2 === 0 ? store : other).crons.advance(one)));
          expect(won.filter(Boolean)).toHaveLength(1);
          const jobs = await Promise.all(all.map((one) => jobsOf(store, one)));
          expect(jobs.map((list) => list.length === 1)).toEqual(won);
          row = await readCron(store);
          expect(row).toMatchObject({ lastTick: due + round, turn: round + 1 });
        }
      },
    },
    {
      name: "of two versions that take turns in registering, never both make the same tick",
      async run(world) {
        const { store, other } = world;
        const { row: old } = await cronWithTickDue(world);
        const changed = await registerCron(other, { hash: "hash-2" });
        advance(world, MINUTE_MS);
        const due = changed.lastTick + MINUTE_MS / 2;
        expect(await store.crons.advance(tick(old, due))).toBe(false);
        // The old one has read the new turn meanwhile, and still has the old expression.
        expect(await store.crons.advance(tick({ ...old, turn: changed.turn }, due))).toBe(false);
        expect(await other.crons.advance(tick(changed, due))).toBe(true);
      },
    },
    {
      name: "workers hear of a tick's job and of a triggered one",
      needs: ["notifications"],
      async run(world) {
        const { store } = world;
        const { row, due } = await cronWithTickDue(world);
        const recorder = new Recorder(store);
        await store.crons.advance(tick(row, due, { runs: { jobs: [newJob({ queue: "q1" })], scheduledAt: due } }));
        await recorder.until("q1", () => recorder.hasAvailable("q1"));
        await store.crons.trigger({ name: "nightly", job: newJob({ queue: "q2" }), scheduledAt: due });
        await recorder.until("q2", () => recorder.hasAvailable("q2"));
        recorder.unsubscribe();
      },
    },
    {
      name: "a triggered run is the newest, and no predecessor of a tick",
      async run(world) {
        const { store } = world;
        const { row, due } = await cronWithTickDue(world);
        const job = newJob();
        expect(await store.crons.trigger({ name: "nightly", job, scheduledAt: due })).toBe(true);
        expect(await readCron(store)).toEqual({ ...row, lastJobId: job.id, lastScheduledAt: due });
        expect(await claimJob(store, job)).toMatchObject({ id: job.id });
        const lost = newJob();
        expect(await store.crons.trigger({ name: "other", job: lost, scheduledAt: due })).toBe(false);
        expect(await store.jobs.get({ ids: [lost.id] })).toEqual([]);
      },
    },
    {
      name: "nothing is decided between pause and resume, also on the ground of what was read before",
      async run(world) {
        const { store, other } = world;
        const { row, due } = await cronWithTickDue(world);
        expect(await other.crons.pause({ name: "nightly", by: "Ада" })).toBe(true);
        const paused = await readCron(store);
        expect(paused).toMatchObject({ changedBy: "Ада", lastTick: row.lastTick });
        expect(paused.pausedAt).toBeGreaterThanOrEqual(due);
        expect(paused.changedAt).toBe(paused.pausedAt);
        expect(await store.crons.advance(tick(row, due))).toBe(false);
        expect(await store.crons.advance(tick(paused, due))).toBe(false);
        expect(await store.crons.pause({ name: "nightly", by: "Bob" })).toBe(true);
        expect(await readCron(store)).toEqual(paused);
      },
    },
    {
      name: "a pause leaves no backlog without catch-up, and drops what waited",
      async run(world) {
        const { store } = world;
        const { row, due } = await cronWithTickDue(world);
        await store.crons.advance(tick(row, due, { pending: [due - 1] }));
        await store.crons.pause({ name: "nightly", by: null });
        advance(world, 60 * MINUTE_MS);
        const before = await storeNow(store);
        expect(await store.crons.resume({ name: "nightly", by: "Ада" })).toBe(true);
        const resumed = await readCron(store);
        expect(resumed).toMatchObject({ pausedAt: null, changedBy: "Ада", pending: [] });
        expect(resumed.lastTick).toBeGreaterThanOrEqual(before);
        expect(await store.crons.resume({ name: "nightly", by: "Bob" })).toBe(true);
        expect(await readCron(store)).toEqual(resumed);
      },
    },
    {
      name: "with catch-up the ticks of a pause are still to be decided",
      async run(world) {
        const { store } = world;
        const row = await registerCron(store, { catchUp: true });
        advance(world, MINUTE_MS);
        await store.crons.advance(tick(row, row.lastTick + 2, { pending: [row.lastTick + 1] }));
        await store.crons.pause({ name: "nightly", by: null });
        advance(world, 60 * MINUTE_MS);
        await store.crons.resume({ name: "nightly", by: null });
        expect(await readCron(store)).toMatchObject({
          pausedAt: null,
          lastTick: row.lastTick + 2,
          pending: [row.lastTick + 1],
        });
      },
    },
    {
      name: "a last tick that lies ahead, since the clock was wrong for a while, is now after a pause",
      async run(world) {
        const { store } = world;
        const row = await registerCron(store, { catchUp: true });
        advance(world, 60 * MINUTE_MS);
        await store.crons.advance(tick(row, row.lastTick + 50 * MINUTE_MS));
        advance(world, -60 * MINUTE_MS);
        await store.crons.pause({ name: "nightly", by: null });
        await store.crons.resume({ name: "nightly", by: null });
        expect((await readCron(store)).lastTick).toBeLessThanOrEqual(await storeNow(store));
      },
    },
    {
      name: "a name that nobody registered is neither paused nor resumed",
      async run({ store }) {
        expect(await store.crons.pause({ name: "other", by: null })).toBe(false);
        expect(await store.crons.resume({ name: "other", by: null })).toBe(false);
      },
    },
  ],
};
