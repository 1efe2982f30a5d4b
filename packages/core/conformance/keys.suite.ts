import { SETTLED_JOB_STATUSES, type StoredJobStatus } from "@forge-jobs/protocol";
import type { KeyHold, NewJob } from "@forge-jobs/core";
import { expect } from "./expect.ts";
import { jobIn, OUTCOMES } from "./job-in.ts";
import { insertJob, insertKeyed, keyClaim, newJob, readJob, updateJob } from "./one-job.ts";
import type { Case, Suite } from "./suite.ts";
import { advance } from "./world.ts";

const HOUR_MS = 3_600_000;
const DECADE_MS = 10 * 365 * 24 * HOUR_MS;

const UNFINISHED: readonly StoredJobStatus[] = ["pending", "claimed", "running", "retry", "cancel_requested"];
const RELEASING: readonly StoredJobStatus[] = ["failed", "dead_letter", "cancelled"];

const whileUnfinished: KeyHold = { kind: "job", afterCompletionMs: 0 };
const anHourLonger: KeyHold = { kind: "job", afterCompletionMs: HOUR_MS };
const forEver: KeyHold = { kind: "job", afterCompletionMs: null };
const anHour: KeyHold = { kind: "window", ms: HOUR_MS };

const held = (status: StoredJobStatus, hold: KeyHold, what: string): Case => ({
  name: `${what} is held while its job is ${status}`,
  async run({ store }) {
    const { id } = await jobIn(store, status, { keys: [keyClaim("k", hold)] });
    expect(await insertKeyed(store, [keyClaim("k", hold)])).toEqual({ id, created: false });
  },
});

const released = (status: StoredJobStatus, hold: KeyHold, what: string): Case => ({
  name: `${what} is released by a job that is ${status}, and stays with its next holder`,
  async run({ store }) {
    const { id } = await jobIn(store, status, { keys: [keyClaim("k", hold)] });
    const next = await insertKeyed(store, [keyClaim("k", hold)]);
    expect(next.created).toBe(true);
    expect(next.id).not.toBe(id);
    expect(await insertKeyed(store, [keyClaim("k", hold)])).toEqual({ id: next.id, created: false });
  },
});

/** Idempotency keys: who holds one, until when, and what a second dispatch is answered. */
export const keysSuite: Suite = {
  topic: "keys",
  cases: [
    ...UNFINISHED.map((status) => held(status, whileUnfinished, "a key of an unfinished job")),
    ...["completed" as const, ...RELEASING].map((status) =>
      released(status, whileUnfinished, "a key of an unfinished job"),
    ),
    ...RELEASING.map((status) => released(status, forEver, "a key for ever")),
    ...[...UNFINISHED, ...SETTLED_JOB_STATUSES].map((status) => held(status, anHour, "a key with a window")),
    {
      name: "a key with a time after completion is held until then, and no longer",
      async run(world) {
        const { store } = world;
        const { id } = await jobIn(store, "completed", { keys: [keyClaim("k", anHourLonger)] });
        advance(world, HOUR_MS - 60_000);
        expect(await insertKeyed(store, [keyClaim("k", anHourLonger)])).toEqual({ id, created: false });
        advance(world, 60_000);
        expect((await insertKeyed(store, [keyClaim("k", anHourLonger)])).created).toBe(true);
      },
    },
    {
      name: "a key for ever is held years after completion",
      async run(world) {
        const { store } = world;
        const { id } = await jobIn(store, "completed", { keys: [keyClaim("k", forEver)] });
        advance(world, DECADE_MS);
        await store.sweeps.expiredKeys({ limit: 100 });
        expect(await insertKeyed(store, [keyClaim("k", forEver)])).toEqual({ id, created: false });
      },
    },
    {
      name: "a window runs from the dispatch and ends though its job is unfinished",
      async run(world) {
        const { store } = world;
        const { id } = await insertJob(store, { keys: [keyClaim("k", anHour)] });
        advance(world, HOUR_MS);
        expect((await insertKeyed(store, [keyClaim("k", anHour)])).created).toBe(true);
        expect((await readJob(store, id)).status).toBe("pending");
      },
    },
    {
      name: "an unfinished job holds its key however late it is",
      async run(world) {
        const { id } = await insertJob(world.store, { keys: [keyClaim("k")] });
        advance(world, DECADE_MS);
        expect(await insertKeyed(world.store, [keyClaim("k")])).toEqual({ id, created: false });
      },
    },
    {
      name: "of several keys the first that is held decides",
      async run({ store }) {
        const b = await insertJob(store, { keys: [keyClaim("b")] });
        const c = await insertJob(store, { keys: [keyClaim("c")] });
        expect(await insertKeyed(store, [keyClaim("a"), keyClaim("c"), keyClaim("b")])).toEqual({
          id: c.id,
          created: false,
        });
        expect(await insertKeyed(store, [keyClaim("d"), keyClaim("b"), keyClaim("c")])).toEqual({
          id: b.id,
          created: false,
        });
      },
    },
    {
      name: "a request that met a holder and is sent again finds it, though the holder has released the other key",
      async run({ store }) {
        const holder = await jobIn(store, "running", { keys: [keyClaim("input")] });
        const request = [keyClaim("request", anHour), keyClaim("input")];
        expect(await insertKeyed(store, request)).toEqual({ id: holder.id, created: false });
        await updateJob(store, holder, { outcome: OUTCOMES.completed });
        expect(await insertKeyed(store, request)).toEqual({ id: holder.id, created: false });
        expect((await insertKeyed(store, [keyClaim("another request", anHour), keyClaim("input")])).created).toBe(true);
      },
    },
    {
      name: "a job with several keys holds and releases each by its own rule",
      async run({ store }) {
        const { id } = await jobIn(store, "failed", { keys: [keyClaim("a"), keyClaim("b", anHour)] });
        expect((await insertKeyed(store, [keyClaim("a")])).created).toBe(true);
        expect(await insertKeyed(store, [keyClaim("b", anHour)])).toEqual({ id, created: false });
      },
    },
    {
      name: "the same key in another scope is another key",
      async run({ store }) {
        await insertJob(store, { keys: [{ scope: "export/ada", key: "k", hold: whileUnfinished }] });
        const eve = await insertKeyed(store, [{ scope: "export/eve", key: "k", hold: whileUnfinished }]);
        expect(eve.created).toBe(true);
      },
    },
    {
      name: "scope and key are not run together",
      async run({ store }) {
        await insertJob(store, { keys: [{ scope: "ab", key: "c", hold: whileUnfinished }] });
        expect((await insertKeyed(store, [{ scope: "a", key: "bc", hold: whileUnfinished }])).created).toBe(true);
      },
    },
    {
      name: "duplicates within a batch fold into the first and leave no row",
      async run({ store }) {
        const jobs = ["a", "b", "a", "c", "a"].map((key) => newJob({ keys: [keyClaim(key)] }));
        const ids = jobs.map(({ id }) => id);
        expect(await store.jobs.insert({ jobs })).toEqual([
          { id: ids[0], created: true },
          { id: ids[1], created: true },
          { id: ids[0], created: false },
          { id: ids[3], created: true },
          { id: ids[0], created: false },
        ]);
        expect(await store.jobs.get({ ids })).toHaveLength(3);
      },
    },
    {
      name: "a job that folds into an earlier one of its batch brings that its other keys",
      async run({ store }) {
        const first = newJob({ keys: [keyClaim("a")] });
        const folded = newJob({ keys: [keyClaim("a"), keyClaim("b", anHour)] });
        const third = newJob({ keys: [keyClaim("b", anHour)] });
        expect(await store.jobs.insert({ jobs: [first, folded, third] })).toEqual([
          { id: first.id, created: true },
          { id: first.id, created: false },
          { id: first.id, created: false },
        ]);
      },
    },
    {
      name: "a batch meets holders without losing its others",
      async run({ store }) {
        const holder = await insertJob(store, { keys: [keyClaim("held")] });
        const jobs = [newJob(), newJob({ keys: [keyClaim("held")] }), newJob({ keys: [keyClaim("free")] })];
        expect(await store.jobs.insert({ jobs })).toEqual([
          { id: jobs[0]!.id, created: true },
          { id: holder.id, created: false },
          { id: jobs[2]!.id, created: true },
        ]);
      },
    },
    {
      name: "of many dispatches at once with one key, one makes a job and all get its id",
      async run({ store, other }) {
        const answers = await Promise.all(
          Array.from({ length: 16 }, (_, n) => insertKeyed(n % 2 === 0 ? store : other, [keyClaim("k")])),
        );
        expect(answers.filter(({ created }) => created)).toHaveLength(1);
        expect(new Set(answers.map(({ id }) => id)).size).toBe(1);
      },
    },
    {
      name: "batches at once with the same keys in opposite order both come through",
      async run({ store, other }) {
        const keys = Array.from({ length: 50 }, (_, n) => `key ${n}`);
        const batch = (order: readonly string[]): NewJob[] => order.map((key) => newJob({ keys: [keyClaim(key)] }));
        const [forth, back] = await Promise.all([
          store.jobs.insert({ jobs: batch(keys) }),
          other.jobs.insert({ jobs: batch(keys.toReversed()) }),
        ]);
        expect(forth.map(({ id }) => id)).toEqual(back.map(({ id }) => id).toReversed());
        expect([...forth, ...back].filter(({ created }) => created)).toHaveLength(keys.length);
      },
    },
  ],
};
