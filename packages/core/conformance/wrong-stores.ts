import type { ChangeListener, ClaimedJob, JobStateRecord, RunUpdate, Store } from "../src/store.ts";

/** A store that breaks one promise, and where the suite should notice. */
export interface WrongStore {
  readonly fault: string;
  readonly topic: string;
  /** Some of the cases that notice. */
  readonly cases: readonly string[];
  /** Wraps a right store. */
  readonly spoil: (store: Store) => Store;
}

/** The store with other verbs over jobs. */
export function overJobs(store: Store, changed: Partial<Store["jobs"]>): Store {
  return { ...store, jobs: { ...store.jobs, ...changed } };
}

/** The right store, wrapped as the wrong ones are. */
export const passingOn = (store: Store): Store => overJobs(store, {});

export const WRONG_STORES: readonly WrongStore[] = [
  {
    fault: "hands a job to two claimers",
    topic: "claim",
    cases: ["many claimers at once never get the same job, and get all of them"],
    spoil: (store) => {
      let last: ClaimedJob | undefined;
      return overJobs(store, {
        claim: async (args) => {
          const taken = await store.jobs.claim(args);
          const again = last !== undefined && taken.length > 0 && taken.length < args.limit ? [last] : [];
          last = taken.at(-1);
          return [...taken, ...again];
        },
      });
    },
  },
  {
    fault: "goes by time where urgency should decide",
    topic: "claim",
    cases: ["the more urgent come first, whenever they became due"],
    spoil: (store) =>
      overJobs(store, { claim: (args) => store.jobs.claim({ ...args, oldestFirst: !args.oldestFirst }) }),
  },
  {
    fault: "loses an update of a batch",
    topic: "update",
    cases: [
      "a mixed batch is answered in its order, each row as if it were alone",
      "500 outcomes of one batch all settle with their own output",
    ],
    spoil: (store) =>
      overJobs(store, {
        update: async ({ updates }) => {
          const written = updates.length > 2 ? updates.slice(0, -1) : updates;
          const answer = await store.jobs.update({ updates: written });
          const lost = updates
            .slice(written.length)
            .map(({ id }) => ({ id, result: "applied" as const, cancelRequested: false }));
          return [...answer, ...lost];
        },
      }),
  },
  {
    fault: "settles without looking at the fence",
    topic: "fence",
    cases: [
      "the wrong fence changes nothing of a job that is running",
      "a run that was given back or retried is stale once another claim has the row",
    ],
    spoil: (store) => {
      const claims = new Map<string, number>();
      return overJobs(store, {
        claim: async (args) => {
          const taken = await store.jobs.claim(args);
          for (const { id, claimNo } of taken) claims.set(id, claimNo);
          return taken;
        },
        update: ({ updates }) =>
          store.jobs.update({
            updates: updates.map((one) => ({ ...one, claimNo: claims.get(one.id) ?? one.claimNo })),
          }),
      });
    },
  },
  {
    fault: "does not recognise an outcome that is sent again",
    topic: "fence",
    cases: ["completed of a job that is running, sent again, recognises its own success and changes nothing"],
    spoil: (store) => {
      const sent = new Set<string>();
      const name = ({ id, claimNo }: RunUpdate): string => `${id} ${claimNo}`;
      return overJobs(store, {
        update: async ({ updates }) => {
          const again = updates.filter((one) => one.outcome !== null && sent.has(name(one)));
          for (const one of updates) if (one.outcome !== null) sent.add(name(one));
          const answer = await store.jobs.update({ updates });
          return answer.map((one, n) => (again.includes(updates[n]!) ? { ...one, result: "stale" as const } : one));
        },
      });
    },
  },
  {
    fault: "tells of a job before its transaction committed",
    topic: "changes",
    cases: [
      "nothing is heard of an insert in a transaction until that commits",
      "nothing is ever heard of a transaction that rolled back",
    ],
    spoil: (store) => {
      const listeners = new Set<ChangeListener>();
      const hasty = overJobs(store, {
        insert: async (args) => {
          const answer = await store.jobs.insert(args);
          if (args.tx !== undefined) for (const one of listeners) one.onAvailable(args.jobs.map(({ queue }) => queue));
          return answer;
        },
      });
      return {
        ...hasty,
        changes: {
          subscribe: (listener) => {
            listeners.add(listener);
            const stop = store.changes.subscribe(listener);
            return () => {
              listeners.delete(listener);
              stop();
            };
          },
        },
      };
    },
  },
  {
    fault: "lets the revision fall when a job comes back",
    topic: "revisions",
    cases: ["a revision rises by one with what a watcher sees and never falls, over a random walk (seed 11)"],
    spoil: (store) => {
      const fallen = new Set<string>();
      const lowered = <T extends JobStateRecord>(rows: readonly T[]): T[] =>
        rows.map((row) => (fallen.has(row.id) ? { ...row, revision: row.revision - 3 } : row));
      return overJobs(store, {
        retry: async ({ ids }) => {
          const answer = await store.jobs.retry({ ids });
          for (const [n, id] of ids.entries()) if (answer[n] === "retried") fallen.add(id);
          return answer;
        },
        states: async (args) => lowered(await store.jobs.states(args)),
        get: async (args) => lowered(await store.jobs.get(args)),
        list: async (query) => lowered(await store.jobs.list(query)),
      });
    },
  },
  {
    fault: "never releases a key",
    topic: "keys",
    cases: ["a key of an unfinished job is released by a job that is failed, and stays with its next holder"],
    spoil: (store) => {
      const holders = new Map<string, string>();
      return overJobs(store, {
        insert: async ({ jobs, ...rest }) => {
          const held = jobs.map(({ keys }) =>
            keys.map(({ scope, key }) => holders.get(`${scope} ${key}`)).find(Boolean),
          );
          const created = await store.jobs.insert({ jobs: jobs.filter((_, n) => held[n] === undefined), ...rest });
          for (const { id, keys } of jobs) {
            if (created.some((one) => one.id === id && one.created))
              for (const { scope, key } of keys) holders.set(`${scope} ${key}`, id);
          }
          return held.map((id) => (id === undefined ? created.shift()! : { id, created: false }));
        },
      });
    },
  },
  {
    fault: "forgets that a queue is paused",
    topic: "queues",
    cases: ["no claim takes jobs of a queue that is paused, in no order and by no process, until that is over"],
    spoil: (store) => ({
      ...store,
      queues: {
        ...store.queues,
        change: ({ change, ...args }) => store.queues.change({ ...args, change: { ...change, paused: false } }),
      },
    }),
  },
  {
    fault: "ends a running job when it is cancelled",
    topic: "cancel",
    cases: ["a running job is flagged and goes on"],
    spoil: (store) => {
      const claims = new Map<string, number>();
      return overJobs(store, {
        claim: async (args) => {
          const taken = await store.jobs.claim(args);
          for (const { id, claimNo } of taken) claims.set(id, claimNo);
          return taken;
        },
        cancel: async (args) => {
          const answer = await store.jobs.cancel(args);
          const running = args.ids.filter((_, n) => answer[n] === "requested");
          await store.jobs.update({
            updates: running.map((id) => ({
              id,
              claimNo: claims.get(id) ?? 0,
              started: false,
              progress: undefined,
              message: undefined,
              outcome: { kind: "given_back", delayMs: 0 },
            })),
          });
          return answer;
        },
      });
    },
  },
  {
    fault: "makes a tick whoever else has made it",
    topic: "ticks",
    cases: ["of decisions at the same time in several stores one wins, and its job alone exists"],
    spoil: (store) => ({
      ...store,
      crons: {
        ...store.crons,
        advance: async (args) => {
          if (await store.crons.advance(args)) return true;
          const [row] = (await store.crons.read({ names: [args.name] })).crons;
          return store.crons.advance({ ...args, turn: row?.turn ?? args.turn });
        },
      },
    }),
  },
];
