import type { StateFrame, StateView } from "./state-view.ts";

/** Whose a watch is. */
export interface WatchOwner {
  /** Takes a state of a live watch. */
  offer(watch: Watch, frame: StateFrame): void;
  /** Hears that the row of an unknown id has appeared. */
  appeared(watch: Watch, view: StateView): void;
}

/**
 * One session's interest in one job or run.
 *
 * - checking: registered, while its row is read and its session's right to it is asked for. States are held, newest only.
 * - unknown: no such row yet. The first state moves it to checking, and is held. Left for good after a while.
 * - live: states go to the session. A new check, at a repeated subscribe, does not interrupt it.
 * - ended: ignored from then on.
 */
export class Watch {
  readonly id: string;
  /** The newest revision that its client has, as far as this side knows; -1 for none. */
  revision = -1;
  /** The names under which its client asked for it, where it gave any. */
  names: Set<string> | null = null;
  #phase: "checking" | "unknown" | "live" | "ended" = "checking";
  #held: StateView | null = null;
  readonly #owner: WatchOwner;

  constructor(id: string, owner: WatchOwner) {
    this.id = id;
    this.#owner = owner;
  }

  get phase(): "checking" | "unknown" | "live" | "ended" {
    return this.#phase;
  }

  /** Takes a state that was read. */
  tell(view: StateView): void {
    if (this.#phase === "live") {
      if (view.revision > this.revision) this.#owner.offer(this, view.frame());
      return;
    }
    if (this.#held === null || view.revision > this.#held.revision) this.#held = view;
    if (this.#phase === "unknown") {
      this.#phase = "checking";
      this.#owner.appeared(this, view);
    }
  }

  /** There was no such row when its session asked. */
  await(): void {
    if (this.#phase !== "checking") return;
    // A later read, for somebody else, may have met the row before the answer to this session's own was looked at.
    if (this.#held !== null) this.#owner.appeared(this, this.#held);
    else this.#phase = "unknown";
  }

  /** The session may have it: what was held goes out, if it is newer than `revision`. */
  admit(): void {
    if (this.#phase === "ended") return;
    this.#phase = "live";
    const held = this.#held;
    this.#held = null;
    if (held !== null) this.tell(held);
  }

  end(): void {
    this.#phase = "ended";
    this.#held = null;
  }
}
