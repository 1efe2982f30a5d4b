import { type ChangeHint, type Forge, ForgeError, type Logger } from "@forge-jobs/core";
import { READ_BATCH, StateReader, type StateSource } from "./state-reader.ts";
import type { StateView } from "./state-view.ts";
import { jittered, type Timings } from "./timings.ts";

/** Who is told the states of one job or run. */
export interface Watcher {
  readonly id: string;
  tell(view: StateView): void;
}

/** What a hub works with. */
export interface HubOptions {
  readonly forge: Pick<Forge, "changes" | "ping"> & StateSource;
  readonly timings: Pick<Timings, "backstopMs" | "pollMs" | "recoverMs">;
  readonly log: Logger;
  /** Asks whether it is still the same database, after every loss; a rejection means that it does not answer yet. */
  readonly recheck: () => Promise<void>;
  readonly onStale: (stale: boolean) => void;
}

/** Everything that the hub knows of one watched id. */
interface Topic {
  readonly watchers: Set<Watcher>;
  /** The newest revision that was read. */
  revision: number;
  /** The newest revision that a hint told of. */
  hinted: number;
}

/**
 * Turns hints into reads, and reads into states for whoever watches.
 *
 * - idle: nothing was ever watched; hints are not listened to. Left for good at the first watch.
 * - fresh: hints of watched ids are read. A backstop looks at all of them now and then, and should find nothing.
 * - deaf: hints of other processes do not arrive yet, or no longer, so the look comes at the rate of a poll.
 * - stale: the database does not answer. It is asked again and again; all ids are read before the hub is fresh.
 */
export class Hub {
  readonly #options: HubOptions;
  readonly #reader: StateReader;
  readonly #topics = new Map<string, Topic>();
  #unsubscribe: (() => void) | null = null;
  #isDeaf = true;
  #isStale = false;
  #isClosed = false;
  #failures = 0;
  #look: "none" | "running" | "again" = "none";
  #backstop: NodeJS.Timeout | undefined;
  #recovery: NodeJS.Timeout | undefined;
  /** What the last backstop found before a hint told of it; it counts if no hint comes until the next. */
  #suspects: { readonly topic: Topic; readonly revision: number }[] = [];
  #isBackstopLook = false;
  #finds = 0;

  constructor(options: HubOptions) {
    this.#options = options;
    this.#reader = new StateReader(options.forge, {
      onRead: (views) => this.#apply(views),
      onFailed: (error) => this.#lost(error),
    });
  }

  /** Whether the database does not answer at present. */
  get isStale(): boolean {
    return this.#isStale;
  }

  /** How many ids are watched. */
  get size(): number {
    return this.#topics.size;
  }

  /** How many changes only the backstop found. More than a few mean that hints get lost. */
  get backstopFinds(): number {
    return this.#finds;
  }

  /** Registers a watcher: from now on it is told every state of its id that is read. */
  add(watcher: Watcher): void {
    this.#listen();
    let topic = this.#topics.get(watcher.id);
    if (topic === undefined) {
      topic = { watchers: new Set(), revision: -1, hinted: -1 };
      this.#topics.set(watcher.id, topic);
    }
    topic.watchers.add(watcher);
  }

  remove(watcher: Watcher): void {
    const topic = this.#topics.get(watcher.id);
    topic?.watchers.delete(watcher);
    if (topic?.watchers.size === 0) this.#topics.delete(watcher.id);
  }

  /**
   * Reads one state from the database; see `StateReader`. Throws `UNAVAILABLE`, at once while the hub is stale: whoever
   * waits for a database that is gone holds a connection and memory for nothing.
   */
  async read(id: string): Promise<StateView | null> {
    if (this.#isStale) throw new ForgeError("UNAVAILABLE", "The database does not answer.");
    return this.#reader.read(id);
  }

  /** Voids every revision, since they belong to another database. */
  forgetRevisions(): void {
    for (const topic of this.#topics.values()) topic.revision = topic.hinted = -1;
  }

  close(): void {
    this.#isClosed = true;
    this.#unsubscribe?.();
    clearTimeout(this.#backstop);
    clearTimeout(this.#recovery);
  }

  #listen(): void {
    if (this.#unsubscribe !== null || this.#isClosed) return;
    this.#unsubscribe = this.#options.forge.changes.subscribe({
      onAvailable: () => {},
      onMoved: (hints) => this.#moved(hints),
      onLive: (live) => this.#heard(live),
    });
    this.#armBackstop();
  }

  #moved(hints: readonly ChangeHint[] | "any"): void {
    if (hints === "any") {
      this.#suspects = [];
      this.#lookAtAll();
      return;
    }
    for (const { id, revision } of hints) {
      const topic = this.#topics.get(id);
      if (topic === undefined) continue;
      topic.hinted = Math.max(topic.hinted, revision);
      if (revision > topic.revision) this.#reader.touch(id);
    }
  }

  #heard(live: boolean): void {
    if (this.#isDeaf === !live) return;
    this.#isDeaf = !live;
    this.#suspects = [];
    this.#armBackstop();
    // The database may be gone altogether, or be another one now.
    if (live) this.#options.recheck().catch((error: unknown) => this.#lost(error));
    else this.#lookAtAll();
  }

  #armBackstop(): void {
    if (this.#isClosed) return;
    const { backstopMs, pollMs } = this.#options.timings;
    clearTimeout(this.#backstop);
    this.#backstop = setTimeout(
      () => {
        this.#finds += this.#suspects.filter(({ topic, revision }) => topic.hinted < revision).length;
        this.#suspects = [];
        this.#isBackstopLook = !this.#isDeaf && this.#look === "none";
        this.#lookAtAll();
        this.#armBackstop();
      },
      jittered(this.#isDeaf ? pollMs : backstopMs),
    ).unref();
  }

  #lookAtAll(): void {
    if (this.#isClosed) return;
    if (this.#look !== "none") {
      this.#look = "again";
      return;
    }
    this.#look = "running";
    const beganAt = performance.now();
    void this.#readAll().then(() => {
      this.#isBackstopLook = false;
      // At most a quarter of the time goes into looks, however often another process says that something moved.
      setTimeout(
        () => {
          const isDue = this.#look === "again";
          this.#look = "none";
          if (isDue) this.#lookAtAll();
        },
        3 * (performance.now() - beganAt),
      ).unref();
    });
  }

  async #readAll(): Promise<void> {
    try {
      if (this.#topics.size === 0) await this.#options.forge.ping();
      const ids = [...this.#topics.keys()];
      // Slice by slice, so that what hints and requests ask for meanwhile joins the next one.
      for (let from = 0; from < ids.length; from += READ_BATCH) {
        await Promise.all(ids.slice(from, from + READ_BATCH).map((id) => this.#reader.read(id)));
      }
      if (this.#isStale) await this.#options.recheck();
      this.#recovered();
    } catch (error) {
      this.#lost(error);
    }
  }

  #apply(views: readonly StateView[]): void {
    for (const view of views) {
      const topic = this.#topics.get(view.record.id);
      if (topic === undefined || view.revision <= topic.revision) {
        // Whoever registered after that revision was read may still lack it.
        if (topic !== undefined && view.revision === topic.revision) this.#tell(topic, view);
        continue;
      }
      if (this.#isBackstopLook && topic.revision >= 0 && topic.hinted < view.revision) {
        this.#suspects.push({ topic, revision: view.revision });
      }
      topic.revision = view.revision;
      this.#tell(topic, view);
    }
    // A request got an answer: no need to wait for the next attempt.
    if (this.#isStale && this.#look === "none") this.#lookAtAll();
  }

  #tell(topic: Topic, view: StateView): void {
    try {
      for (const watcher of topic.watchers) watcher.tell(view);
    } catch (error) {
      // One row that cannot be told must not keep the others of its batch from their watchers.
      this.#options.log.error(`The state of ${view.kind} ${view.record.id} could not be sent`, { err: error });
    }
  }

  #lost(error: unknown): void {
    if (this.#isClosed) return;
    if (!this.#isStale) {
      this.#isStale = true;
      this.#options.log.warn("The database does not answer; streams stay open and say stale", { err: error });
      this.#options.onStale(true);
    }
    if (this.#recovery !== undefined) return;
    const waitMs = this.#options.timings.recoverMs * Math.min(2 ** this.#failures, 10);
    this.#failures++;
    this.#recovery = setTimeout(() => {
      this.#recovery = undefined;
      this.#lookAtAll();
    }, jittered(waitMs)).unref();
  }

  #recovered(): void {
    if (!this.#isStale) return;
    clearTimeout(this.#recovery);
    this.#recovery = undefined;
    this.#failures = 0;
    this.#isStale = false;
    this.#options.log.info("The database answers again", {});
    this.#options.onStale(false);
  }
}
