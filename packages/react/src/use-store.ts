import type { Store } from "@forge-jobs/client";
import { useCallback, useSyncExternalStore } from "react";

const nothing = (): null => null;
const never = (): (() => void) => () => {};

/** Watches a store for as long as the component is mounted; null shows nothing, and its verbs do nothing. */
export function useStore<View>(store: Store<View, unknown> | null): {
  readonly view: View | null;
  readonly cancel: () => Promise<void>;
} {
  const look = store?.get ?? nothing;
  const view = useSyncExternalStore<View | null>(store?.subscribe ?? never, look, look);
  const cancel = useCallback(async () => store?.cancel(), [store]);
  return { view, cancel };
}
