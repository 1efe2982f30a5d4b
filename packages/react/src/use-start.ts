import type { Store } from "@forge-jobs/client";
import { useCallback, useEffect, useState } from "react";
import { type AnyView, startedId } from "./started-id.ts";

/** What starting jobs and starting workflows have in common. All but `store` keep their identity from render to render. */
export interface Starter<Args, S, View> {
  /** Of what was started last; null before, and after `reset`. */
  readonly store: S | null;
  readonly start: (args: Args) => Promise<string>;
  readonly reset: () => void;
  readonly onSettled: (listener: (view: View) => void) => () => void;
}

/** Starts by `create`, which must keep its identity, and holds the store of what was started last. */
export function useStart<Args, View extends AnyView, S extends Store<View, unknown>>(
  create: (args: Args) => S,
  isSettledStatus: (status: string) => boolean,
): Starter<Args, S, View> {
  type Listener = (view: View) => void;
  const [store, setStore] = useState<S | null>(null);
  const [listeners] = useState(() => new Set<Listener>());

  useEffect(() => {
    let wasSettled = false;
    return store?.subscribe((view) => {
      const isSettled = isSettledStatus(view.status);
      if (isSettled && !wasSettled) for (const listener of listeners) listener(view);
      wasSettled = isSettled;
    });
  }, [store, listeners, isSettledStatus]);

  const start = useCallback(
    (args: Args): Promise<string> => {
      const next = create(args);
      setStore(next);
      return startedId(next);
    },
    [create],
  );
  const reset = useCallback(() => setStore(null), []);
  const onSettled = useCallback(
    (listener: Listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    [listeners],
  );
  return { store, start, reset, onSettled };
}
