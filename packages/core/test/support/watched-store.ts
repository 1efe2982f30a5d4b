import type { Store } from "@forge-jobs/core";

/** What a watcher is told of: the verb, and whether it is about to be asked or has been answered. */
export interface Boundary {
  readonly verb: string;
  readonly when: "before" | "after";
}

/**
 * A store that asks `at` before and after each of these verbs ("jobs.claim"): what it awaits, the verb awaits, and what it
 * throws, the verb throws.
 */
export function watchedStore(
  store: Store,
  verbs: readonly string[],
  at: (boundary: Boundary) => Promise<void> | void,
): Store {
  const watched: Record<string, object> = {};
  for (const verb of verbs) {
    const [group, name] = verb.split(".") as [keyof Store, string];
    const original = store[group] as unknown as Record<string, (args: unknown) => Promise<unknown>>;
    watched[group] ??= { ...original };
    const call = async (args: unknown): Promise<unknown> => {
      await at({ verb, when: "before" });
      const answer = await original[name]!(args);
      await at({ verb, when: "after" });
      return answer;
    };
    Object.assign(watched[group], { [name]: call });
  }
  return { ...store, ...watched };
}

/** The verbs that a run of a workflow lives by. */
export const RUN_VERBS: readonly string[] = [
  "jobs.claim",
  "jobs.update",
  "workflows.load",
  "workflows.record",
  "workflows.undo",
  "children.dispatch",
];
