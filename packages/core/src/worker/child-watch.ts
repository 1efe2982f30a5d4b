import type { ChangeHint, ChangeListener, ChildProgress, Store } from "../store.ts";

/** Hears how far a job is; null for one that does not exist. */
export type OnProgress = (progress: ChildProgress | null) => void;

const BATCH = 1_000;
const SHORTEST_PAUSE_MS = 5;
const LONGEST_PAUSE_MS = 1_000;
const BACKSTOP_MS = 5_000;
const DEAF_POLL_MS = 1_000;

/**
 * Tells the runs of this process how far the jobs are that they watch: one batched read for all of them.
 *
 * Idle: a hint about a watched job, or a new watcher, leads to a read at the end of this turn of the event loop. Reading:
 * what is asked for meanwhile collects. Pausing after a read, for twice as long as it took: hints still collect. Everything
 * watched is read every 5 s besides, for hints that were lost, and every second while those of other processes do not arrive.
 * It listens to hints only while something is watched.
 */
export class ChildWatch {
  readonly #store: Pick<Store, "children" | "changes">;
  readonly #listener: ChangeListener = {
    onAvailable: () => {},
    onMoved: (hints) => this.#onMoved(hints),
    onLive: (live) => (this.#isLive = live),
  };
  readonly #watchers = new Map<string, Set<OnProgress>>();
  readonly #asked = new Set<string>();
  #scheduled = false;
  #pauseUntil = -Infinity;
  #timer: NodeJS.Timeout | undefined;
  #backstop: NodeJS.Timeout | undefined;
  #isLive = false;
  #unsubscribe: (() => void) | null = null;
  #stopped = false;

  constructor(store: Pick<Store, "children" | "changes">) {
    this.#store = store;
  }

  /** Adds a watcher and reads the job for it; the answer removes it. */
  watch(id: string, onProgress: OnProgress): () => void {
    this.#unsubscribe ??= this.#store.changes.subscribe(this.#listener);
    const watchers = this.#watchers.get(id) ?? new Set();
    this.#watchers.set(id, watchers.add(onProgress));
    this.#asked.add(id);
    this.#schedule();
    this.#backstop ??= this.#armBackstop();
    return () => {
      watchers.delete(onProgress);
      // A later watcher may have begun a set of its own.
      if (watchers.size === 0 && this.#watchers.get(id) === watchers) this.#watchers.delete(id);
      if (this.#watchers.size === 0) this.#leave();
    };
  }

  #onMoved(hints: readonly ChangeHint[] | "any"): void {
    if (hints === "any") for (const id of this.#watchers.keys()) this.#asked.add(id);
    else for (const { id } of hints) if (this.#watchers.has(id)) this.#asked.add(id);
    this.#schedule();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#backstop);
    this.#watchers.clear();
    this.#leave();
  }

  #leave(): void {
    this.#unsubscribe?.();
    this.#unsubscribe = null;
    this.#isLive = false;
  }

  #armBackstop(): NodeJS.Timeout {
    return setTimeout(
      () => {
        this.#backstop = undefined;
        if (this.#watchers.size === 0 || this.#stopped) return;
        this.#onMoved("any");
        this.#backstop = this.#armBackstop();
      },
      this.#isLive ? BACKSTOP_MS : DEAF_POLL_MS,
    );
  }

  #schedule(): void {
    if (this.#scheduled || this.#stopped || this.#asked.size === 0) return;
    this.#scheduled = true;
    const wait = this.#pauseUntil - performance.now();
    if (wait > 0) this.#timer = setTimeout(() => void this.#read(), wait);
    else setImmediate(() => void this.#read());
  }

  async #read(): Promise<void> {
    const ids: string[] = [];
    for (const id of this.#asked) {
      if (ids.length === BATCH) break;
      this.#asked.delete(id);
      if (this.#watchers.has(id)) ids.push(id);
    }
    const began = performance.now();
    try {
      const found = new Map((await this.#store.children.progress({ ids })).map((progress) => [progress.id, progress]));
      for (const id of ids) for (const tell of this.#watchers.get(id) ?? []) tell(found.get(id) ?? null);
    } catch {
      // The backstop reads them again.
    }
    const took = performance.now() - began;
    this.#pauseUntil = performance.now() + Math.min(Math.max(2 * took, SHORTEST_PAUSE_MS), LONGEST_PAUSE_MS);
    this.#scheduled = false;
    this.#schedule();
  }
}
