import type { ChangeListener, Store } from "../store.ts";

/** A store as it is, and what the testing kit has to know of the engine on it. */
export interface WatchedStore {
  readonly store: Store;
  /** The jobs whose handlers do nothing but wait for children. */
  readonly waiting: ReadonlySet<string>;
  /** How often this engine has begun to claim, and how much it has taken so far. */
  readonly claims: () => number;
  /** Whether a claim is under way. */
  readonly isClaiming: () => boolean;
  /** Lets everybody look for due jobs: the clock was moved. */
  lookAgain(): void;
}

/** Listens to what an engine says to its store. Every verb does what it does without it. */
export function watched(store: Store): WatchedStore {
  const listeners = new Set<ChangeListener>();
  const waiting = new Set<string>();
  const { changes, children, jobs } = store;
  let claims = 0;
  let underWay = 0;
  const counted = async <T>(claim: () => Promise<T>, taken: (answer: T) => number): Promise<T> => {
    claims++;
    underWay++;
    try {
      const answer = await claim();
      claims += taken(answer);
      return answer;
    } finally {
      underWay--;
    }
  };
  return {
    store: {
      ...store,
      changes: {
        subscribe: (listener) => {
          const unsubscribe = changes.subscribe(listener);
          listeners.add(listener);
          return () => {
            listeners.delete(listener);
            unsubscribe();
          };
        },
      },
      jobs: {
        ...jobs,
        claim: (args) =>
          counted(
            () => jobs.claim(args),
            ({ length }) => length,
          ),
        insertClaimed: (args) => counted(() => jobs.insertClaimed(args), Number),
      },
      children: {
        ...children,
        setWaiting: ({ runs }) => {
          for (const { id, isWaiting } of runs) {
            if (isWaiting) waiting.add(id);
            else waiting.delete(id);
          }
          return children.setWaiting({ runs });
        },
      },
    },
    waiting,
    claims: () => claims,
    isClaiming: () => underWay > 0,
    lookAgain: () => {
      for (const listener of listeners) listener.onAvailable("any");
    },
  };
}
