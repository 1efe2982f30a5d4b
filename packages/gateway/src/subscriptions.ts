import type { Snapshot } from "@forge-jobs/protocol";
import type { Access } from "./access.ts";
import type { Hub } from "./hub.ts";
import { noJob } from "./job-view.ts";
import type { Counter } from "./limits/counter.ts";
import type { Session } from "./session.ts";
import type { StateView } from "./state-view.ts";
import type { Timings } from "./timings.ts";
import { Watch } from "./watch.ts";

/** An id to watch, and the newest revision that its client has; -1 for none. */
export interface Wanted {
  readonly id: string;
  readonly revision: number;
}

/** What came of a wanted id; the view is null where there is no such job or run for this session. */
export interface Subscribed extends Wanted {
  readonly view: StateView | null;
}

/** How the first states travel: the stream itself brings them, or the answer of the request that asked for them. */
export type FirstStates = "stream" | "answer";

/** What subscriptions work with. */
export interface SubscriptionsOptions {
  readonly hub: Hub;
  readonly access: Access;
  /** Counts watched ids. */
  readonly watched: Counter;
  readonly timings: Pick<Timings, "unknownMs">;
}

/** Which session watches what, and whether it may. */
export class Subscriptions {
  readonly #options: SubscriptionsOptions;

  constructor(options: SubscriptionsOptions) {
    this.#options = options;
  }

  /**
   * Registers ids, reads their rows, and keeps what the session may watch. An id without a row stays registered for a
   * while, since its transaction may not have committed yet. What is watched already is checked again.
   *
   * Throws `RATE_LIMITED` before anything is registered; when the database does not answer, what was new is taken out.
   */
  async add(session: Session, wanted: readonly Wanted[], first: FirstStates): Promise<Subscribed[]> {
    const { hub, watched } = this.#options;
    const fresh = wanted.filter(({ id }) => !session.watches.has(id));
    watched.take(session.caller, fresh.length);
    for (const { id } of fresh) {
      const watch = new Watch(id, session);
      session.watches.set(id, watch);
      hub.add(watch);
    }
    try {
      const answers = await Promise.all(wanted.map((one) => this.#settle(session, one, first)));
      this.#expectUnknown(session, wanted);
      return answers;
    } catch (error) {
      this.remove(
        session,
        fresh.map(({ id }) => id),
      );
      throw error;
    }
  }

  /** Lets a session have what it has been waiting for, if it may. */
  async appeared(session: Session, watch: Watch, view: StateView): Promise<void> {
    await this.#check(session, watch, view, "stream");
  }

  remove(session: Session, ids: Iterable<string>): void {
    const { hub, watched } = this.#options;
    let removed = 0;
    for (const id of ids) {
      const watch = session.watches.get(id);
      if (watch === undefined) continue;
      session.watches.delete(id);
      session.forget(watch);
      watch.end();
      hub.remove(watch);
      removed++;
    }
    watched.give(session.caller, removed);
  }

  async #settle(session: Session, { id, revision }: Wanted, first: FirstStates): Promise<Subscribed> {
    const watch = session.watches.get(id);
    // What the client says it has counts, also where this side believes that it was sent more.
    if (watch !== undefined) watch.revision = revision;
    const view = await this.#options.hub.read(id);
    if (watch === undefined || view === null) {
      watch?.await();
      return { id, revision, view: null };
    }
    const isAllowed = await this.#check(session, watch, view, first);
    return { id, revision, view: isAllowed ? view : null };
  }

  /** Asks whether the session may watch the row; from then on it is live, or gone. */
  async #check(session: Session, watch: Watch, view: StateView, first: FirstStates): Promise<boolean> {
    const isAllowed = await this.#options.access.may("watch", session.caller.principal, view.record);
    if (watch.phase === "ended") return false;
    if (!isAllowed) {
      this.remove(session, [watch.id]);
      return false;
    }
    if (first === "answer") watch.revision = Math.max(watch.revision, view.revision);
    watch.admit();
    return true;
  }

  #expectUnknown(session: Session, wanted: readonly Wanted[]): void {
    const unknown = wanted.filter(({ id }) => session.watches.get(id)?.phase === "unknown").map(({ id }) => id);
    if (unknown.length === 0) return;
    const giveUp = async (): Promise<void> => {
      // A hint may have been lost: one last look.
      await Promise.allSettled(unknown.map((id) => this.#options.hub.read(id)));
      this.remove(
        session,
        unknown.filter((id) => session.watches.get(id)?.phase === "unknown"),
      );
    };
    setTimeout(() => void giveUp(), this.#options.timings.unknownMs).unref();
  }
}

/** The answer for a wanted id: what its client lacks, or that it is not there; null if it lacks nothing. */
export function answerOf({ id, revision, view }: Subscribed): Snapshot | null {
  if (view === null) return noJob(id);
  return view.revision > revision ? view.bounded() : null;
}
