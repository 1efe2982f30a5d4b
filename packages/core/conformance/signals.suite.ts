import { JOB_STATUSES, SETTLED_JOB_STATUSES } from "@forge-jobs/protocol";
import type { Store } from "@forge-jobs/core";
import { expect } from "./expect.ts";
import { jobIn, OUTCOMES } from "./job-in.ts";
import { claimJobs, insertJob, newJob, readJob, readState, updateJob } from "./one-job.ts";
import {
  type HeldRun,
  insertRun,
  loadRun,
  newRun,
  newSignal,
  recordStep,
  runningRun,
  sendSignal,
  sleepingRun,
  startRun,
  stepWrite,
  suspendRun,
} from "./one-run.ts";
import { Recorder } from "./recorder.ts";
import type { Case, Suite } from "./suite.ts";
import { advance } from "./world.ts";

const CONSUMES = { kind: "event", status: "completed", seq: 1, output: "{}" } as const;

async function pending(store: Store, id: string): Promise<string[]> {
  return (await loadRun(store, id)).signals.map(({ name, payload }) => `${name} ${payload}`);
}

const given = (status: (typeof JOB_STATUSES)[number]): Case => ({
  name: `a run that is ${status} gets a signal, raising its revision by one and leaving its status`,
  async run({ store }) {
    const run = await jobIn(store, status, newRun());
    const before = await readJob(store, run.id);
    const { wakes } = await loadRun(store, run.id);
    expect(await sendSignal(store, run.id, { payload: "1" })).toBe("accepted");
    const { scheduledAt: _due, ...after } = await readJob(store, run.id);
    const { scheduledAt: _before, ...same } = before;
    expect(after).toEqual({ ...same, revision: before.revision + 1 });
    expect(await loadRun(store, run.id)).toMatchObject({ wakes: wakes + 1, signals: [{ payload: "1" }] });
  },
});

const settled = (status: (typeof JOB_STATUSES)[number]): Case => ({
  name: `a run that is ${status} gets no signal, and says so`,
  async run({ store }) {
    const run = await jobIn(store, status, newRun());
    const before = await readJob(store, run.id);
    expect(await sendSignal(store, run.id)).toBe("settled");
    expect(await readJob(store, run.id)).toEqual(before);
    expect(await pending(store, run.id)).toEqual([]);
  },
});

/** What is said to runs from outside. */
export const signalsSuite: Suite = {
  topic: "signals",
  cases: [
    ...JOB_STATUSES.filter((status) => !SETTLED_JOB_STATUSES.includes(status)).map(given),
    ...SETTLED_JOB_STATUSES.map(settled),
    {
      name: "unknown ids and those of jobs get no signal",
      async run({ store }) {
        const job = await insertJob(store);
        const before = await readJob(store, job.id);
        expect(await sendSignal(store, newRun().id)).toBe("not_found");
        expect(await sendSignal(store, job.id)).toBe("not_found");
        expect(await readJob(store, job.id)).toEqual(before);
        expect(await store.workflows.signal({ signals: [] })).toEqual([]);
      },
    },
    {
      name: "signals that come early wait in the order in which they came, each until a step consumes it",
      async run({ store, other }) {
        const run = await runningRun(store);
        for (const [n, through] of [store, other, store].entries()) {
          await sendSignal(through, run.id, { signalId: `z${9 - n}`, payload: String(n) });
        }
        await sendSignal(store, run.id, { name: "other", signalId: "a", payload: "3" });
        expect(await pending(other, run.id)).toEqual(["paid 0", "paid 1", "paid 2", "other 3"]);
        await recordStep(store, run, { ...CONSUMES, signal: { name: "paid", signalId: "z9" } });
        expect(await pending(other, run.id)).toEqual(["paid 1", "paid 2", "other 3"]);
        await recordStep(store, run, { key: "b", ord: 2, ...CONSUMES, signal: { name: "other", signalId: "a" } });
        expect(await pending(store, run.id)).toEqual(["paid 1", "paid 2"]);
      },
    },
    {
      name: "a signal is consumed once, by the step that is recorded with it and by no adopted or stale one",
      async run({ store, rows }) {
        const run = await runningRun(store);
        const signal = { name: "paid", signalId: "s" };
        await sendSignal(store, run.id, { signalId: "s", payload: "1" });
        await sendSignal(store, run.id, { signalId: "t", payload: "2" });
        await recordStep(store, run, { key: "timed out", ...CONSUMES, status: "failed" });
        expect(await recordStep(store, run, { key: "timed out", ...CONSUMES, signal })).toMatchObject({
          kind: "adopted",
        });
        const stale = { id: run.id, claimNo: run.claimNo + 1 };
        expect(await recordStep(store, stale, { key: "b", ord: 2, ...CONSUMES, signal })).toEqual({ kind: "stale" });
        expect(await pending(store, run.id)).toEqual(["paid 1", "paid 2"]);
        await recordStep(store, run, { key: "b", ord: 2, ...CONSUMES, signal });
        await recordStep(store, run, { key: "c", ord: 3, ...CONSUMES, signal });
        expect(await pending(store, run.id)).toEqual(["paid 2"]);
        const kept = await rows("SELECT signal_id, step_key FROM forge_signals ORDER BY signal_id");
        expect(kept.map((row) => ({ ...row }))).toEqual([
          { signal_id: "s", step_key: "b" },
          { signal_id: "t", step_key: null },
        ]);
      },
    },
    {
      name: "a signal that is consumed in a transaction waits again once that rolls back",
      async run({ store, begin }) {
        const run = await runningRun(store);
        await sendSignal(store, run.id, { signalId: "s", payload: "1" });
        const write = stepWrite(run, { ...CONSUMES, signal: { name: "paid", signalId: "s" } });
        const first = await begin();
        expect(await store.workflows.recordIn({ write, tx: first.tx })).toMatchObject({ kind: "written" });
        await first.rollback();
        expect(await pending(store, run.id)).toEqual(["paid 1"]);
        const second = await begin();
        expect(await store.workflows.recordIn({ write, tx: second.tx })).toMatchObject({ kind: "written" });
        await second.commit();
        expect(await pending(store, run.id)).toEqual([]);
      },
    },
    {
      name: "of signals with one name and id the first counts, also once it is consumed and once the run has ended",
      async run({ store, other }) {
        const run = await jobIn(store, "running", newRun());
        const again = async (through: Store): Promise<string> =>
          sendSignal(through, run.id, { signalId: "s", payload: "2" });
        expect(await sendSignal(store, run.id, { signalId: "s", payload: "1" })).toBe("accepted");
        const before = await readJob(store, run.id);
        const { wakes } = await loadRun(store, run.id);
        expect([await again(store), await again(other)]).toEqual(["duplicate", "duplicate"]);
        expect(await readJob(store, run.id)).toEqual(before);
        expect((await loadRun(store, run.id)).wakes).toBe(wakes);
        expect(await sendSignal(store, run.id, { name: "refunded", signalId: "s", payload: "3" })).toBe("accepted");
        expect(await pending(store, run.id)).toEqual(["paid 1", "refunded 3"]);
        await recordStep(store, run, { ...CONSUMES, signal: { name: "paid", signalId: "s" } });
        expect(await again(store)).toBe("duplicate");
        expect(await pending(store, run.id)).toEqual(["refunded 3"]);
        await updateJob(store, run, { outcome: OUTCOMES.completed });
        expect(await again(store)).toBe("duplicate");
        expect(await sendSignal(store, run.id, { signalId: "t" })).toBe("settled");
      },
    },
    {
      name: "a batch is answered in its order, and wakes each of its runs once",
      async run({ store }) {
        const [one, two, ended] = [
          await sleepingRun(store),
          await sleepingRun(store),
          await jobIn(store, "failed", newRun()),
        ];
        const before = await Promise.all([one, two].map(({ id }) => readState(store, id)));
        const first = newSignal(two.id, { payload: "1" });
        const signals = [
          first,
          newSignal(newJob().id),
          newSignal(one.id),
          { ...first, payload: "2" },
          newSignal(two.id, { payload: "3" }),
          newSignal(ended.id),
        ];
        expect(await store.workflows.signal({ signals })).toEqual([
          "accepted",
          "not_found",
          "accepted",
          "duplicate",
          "accepted",
          "settled",
        ]);
        const after = await Promise.all([one, two].map(({ id }) => readState(store, id)));
        expect(after.map(({ revision }) => revision)).toEqual(before.map(({ revision }) => revision + 1));
        expect(await pending(store, two.id)).toEqual(["paid 1", "paid 3"]);
      },
    },
    {
      name: "of the same signal sent at once through several stores one is accepted",
      async run({ store, other }) {
        const run = await sleepingRun(store);
        for (let round = 0; round < 10; round++) {
          const signal = newSignal(run.id, { payload: String(round) });
          const sends = [store, other, store, other].map((through) => through.workflows.signal({ signals: [signal] }));
          const answers = (await Promise.all(sends)).flat().toSorted();
          expect(answers).toEqual(["accepted", "duplicate", "duplicate", "duplicate"]);
        }
        const order = Array.from({ length: 10 }, (_, n) => `paid ${n}`);
        expect(await pending(store, run.id)).toEqual(order);
      },
    },
    {
      name: "signals to the same runs at once, in opposite orders, all arrive",
      async run({ store, other }) {
        const runs: HeldRun[] = [];
        for (let n = 0; n < 8; n++) runs.push(await sleepingRun(store));
        const ids = runs.map(({ id }) => id);
        const send = async (through: Store, order: readonly string[]): Promise<void> => {
          for (let round = 0; round < 10; round++) {
            const answers = await through.workflows.signal({ signals: order.map((id) => newSignal(id)) });
            expect(new Set(answers)).toEqual(new Set(["accepted"]));
          }
        };
        const before = await store.workflows.load({ ids });
        await Promise.all([send(store, ids), send(other, ids.toReversed()), send(other, ids)]);
        for (const { id, wakes } of before) {
          expect(await loadRun(store, id)).toMatchObject({ wakes: wakes + 30, signals: { length: 30 } });
        }
      },
    },
    {
      name: "a signal does not begin a run whose time has not come",
      async run(world) {
        const { store } = world;
        const run = await insertRun(store, { due: { delayMs: 60_000 } });
        const { scheduledAt } = await readJob(store, run.id);
        await sendSignal(store, run.id, { payload: "1" });
        expect((await readJob(store, run.id)).scheduledAt).toBe(scheduledAt);
        expect(await claimJobs(store, { types: [run.type] })).toEqual([]);
        advance(world, 61_000);
        await startRun(store, run);
        expect(await pending(store, run.id)).toEqual(["paid 1"]);
      },
    },
    {
      name: "a signal leaves the time of a run alone that is due already",
      async run(world) {
        const { store } = world;
        const run = await runningRun(store);
        await suspendRun(store, run, { dueAt: (await loadRun(store, run.id)).now });
        const { scheduledAt } = await readJob(store, run.id);
        advance(world, 5_000);
        await sendSignal(store, run.id);
        expect((await readJob(store, run.id)).scheduledAt).toBe(scheduledAt);
        expect(await claimJobs(store, { types: [run.type] })).toHaveLength(1);
      },
    },
    {
      name: "a signal is heard after it is in the table: that the run moved, and, if it slept, that there is work",
      needs: ["notifications"],
      async run({ store, other }) {
        const asleep = await sleepingRun(store);
        const awake = await runningRun(store, { queue: "media" });
        const [own, foreign] = [await Recorder.live(store), await Recorder.live(other)];
        await sendSignal(store, awake.id);
        await sendSignal(store, asleep.id);
        const any = !other.capabilities.namedHints;
        for (const { id } of [asleep, awake]) {
          const { revision } = await readState(store, id);
          await own.until("moved", () => own.hasMoved(id, revision));
          await foreign.until("moved", () => foreign.hasMoved(id, revision, { any }));
        }
        await own.until("available", () => own.hasAvailable("default"));
        await foreign.until("available", () => foreign.hasAvailable("default", { any }));
        expect(own.hasAvailable("media")).toBe(false);
      },
    },
    {
      name: "who sent a signal, and when, is kept with it",
      async run({ store, rows }) {
        const run = await runningRun(store);
        await sendSignal(store, run.id, { by: "ada" });
        await sendSignal(store, run.id);
        const kept = await rows("SELECT sent_by, sent_at IS NOT NULL AS is_dated FROM forge_signals ORDER BY seq");
        expect(kept.map((row) => [row["sent_by"], Boolean(row["is_dated"])])).toEqual([
          ["ada", true],
          [null, true],
        ]);
      },
    },
  ],
};
