import type { RunUpdate, Store } from "../src/store.ts";
import { overJobs, type WrongStore } from "./wrong-stores.ts";

function overRuns(store: Store, changed: Partial<Store["workflows"]>): Store {
  return { ...store, workflows: { ...store.workflows, ...changed } };
}

/** Stores that break promises about runs of workflows. */
export const WRONG_RUN_STORES: readonly WrongStore[] = [
  {
    fault: "puts a run away whatever has woken it",
    topic: "suspend",
    cases: ["a run that was woken after it read what it sleeps on is due at once, whatever it sleeps on"],
    spoil: (store) =>
      overJobs(store, {
        async update({ updates }) {
          const memos = await store.workflows.load({ ids: updates.map(({ id }) => id) });
          const wakes = new Map(memos.map((memo) => [memo.id, memo.wakes]));
          const blind = updates.map((one): RunUpdate => {
            if (one.outcome?.kind !== "suspended") return one;
            return { ...one, outcome: { ...one.outcome, wakes: wakes.get(one.id) ?? 0 } };
          });
          return store.jobs.update({ updates: blind });
        },
      }),
  },
  {
    fault: "ends a child without waking its run",
    topic: "awaiting",
    cases: [
      "a run that sleeps on its child is due once its run ends as completed",
      "a run does not fall asleep on its child if before that its run ends as failed",
    ],
    spoil: (store) =>
      overJobs(store, {
        update: ({ updates }) => store.jobs.update({ updates: updates.map(({ wakes: _lost, ...one }) => one) }),
      }),
  },
  {
    fault: "wakes a run before its child has ended",
    topic: "awaiting",
    cases: [
      "a child that is not at its end wakes nobody: it starts, speaks, is retried, given back, put away, rescued",
    ],
    spoil: (store) =>
      overJobs(store, {
        async update({ updates }) {
          const signals = updates.flatMap(({ id, claimNo, wakes }) =>
            wakes === undefined
              ? []
              : [{ runId: wakes, name: "child", signalId: `${id} ${claimNo} ${performance.now()}`, payload: "{}" }],
          );
          await store.workflows.signal({ signals });
          return store.jobs.update({ updates });
        },
      }),
  },
  {
    fault: "records a step without looking at the fence",
    topic: "steps",
    cases: ["another claim's number records nothing, before and after"],
    spoil: (store) => {
      const claims = new Map<string, number>();
      const jobs = overJobs(store, {
        async claim(args) {
          const taken = await store.jobs.claim(args);
          for (const { id, claimNo } of taken) claims.set(id, claimNo);
          return taken;
        },
      });
      return overRuns(jobs, {
        record: ({ writes }) =>
          store.workflows.record({
            writes: writes.map((write) => {
              const { id, claimNo } = write.run;
              return { ...write, run: { id, claimNo: claims.get(id) ?? claimNo } };
            }),
          }),
      });
    },
  },
  {
    fault: "lets a later word of a step that has ended stand",
    topic: "steps",
    cases: ["a step that is completed stays so whatever is said of it later"],
    spoil: (store) => {
      return overRuns(store, {
        async record({ writes }) {
          const results = await store.workflows.record({ writes });
          return results.map((result, n) =>
            "step" in result ? { ...result, step: { ...result.step, output: writes[n]!.output } } : result,
          );
        },
      });
    },
  },
  {
    fault: "records a step of a user's transaction outside of it",
    topic: "record-in",
    cases: ["of a step whose transaction rolls back nothing is left, and it is recorded anew"],
    spoil: (store) =>
      overRuns(store, {
        recordIn: async ({ write }) => (await store.workflows.record({ writes: [write] }))[0]!,
      }),
  },
  {
    fault: "takes every signal for a new one",
    topic: "signals",
    cases: ["of signals with one name and id the first counts, also once it is consumed and once the run has ended"],
    spoil: (store) => {
      let sent = 0;
      return overRuns(store, {
        signal: ({ signals }) =>
          store.workflows.signal({
            signals: signals.map((one) => ({ ...one, signalId: `${one.signalId} ${++sent}` })),
          }),
      });
    },
  },
  {
    fault: "hands a signal out again that a step has consumed",
    topic: "signals",
    cases: ["a signal is consumed once, by the step that is recorded with it and by no adopted or stale one"],
    spoil: (store) =>
      overRuns(store, {
        record: ({ writes }) => store.workflows.record({ writes: writes.map((one) => ({ ...one, signal: null })) }),
      }),
  },
  {
    fault: "begins the wait of a step anew whenever it is said",
    topic: "steps",
    cases: [
      "how long a wait lasts is decided once, by the store's clock; only a new attempt waits for a time of its own",
    ],
    spoil: (store) =>
      overRuns(store, {
        async record({ writes }) {
          const results = await store.workflows.record({ writes });
          const memos = await store.workflows.load({ ids: writes.map(({ run }) => run.id) });
          return results.map((result, n) => {
            const { due, run } = writes[n]!;
            const now = memos.find(({ id }) => id === run.id)?.now ?? 0;
            if (!("step" in result) || due === null || !("inMs" in due)) return result;
            return { ...result, step: { ...result.step, dueAt: now + due.inMs } };
          });
        },
      }),
  },
];
