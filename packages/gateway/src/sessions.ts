import type { Session } from "./session.ts";
import { frame } from "./sse/frame.ts";
import type { Timings } from "./timings.ts";

/** Why a stream ends, as `goaway` says it. */
export type GoawayReason = "shutdown" | "revoked" | "expired" | "database changed";

/** Each heartbeat is dealt out over so many ticks, so that ten thousand sessions are not written to at one instant. */
const TICKS = 15;
const SHORTEST_TICK_MS = 10;
const PING = frame("ping", {});

/** The open sessions of a node, with the one timer that all their heartbeats and deadlines share. */
export class Sessions {
  readonly #timings: Timings;
  readonly #onExpired: (session: Session) => void;
  readonly #byId = new Map<string, Session>();
  #opened = 0;
  #tick = 0;
  #timer: NodeJS.Timeout | undefined;
  #emptied: PromiseWithResolvers<void> | null = null;

  constructor(timings: Timings, onExpired: (session: Session) => void) {
    this.#timings = timings;
    this.#onExpired = onExpired;
  }

  get size(): number {
    return this.#byId.size;
  }

  get(id: string): Session | undefined {
    return this.#byId.get(id);
  }

  all(): Iterable<Session> {
    return this.#byId.values();
  }

  add(session: Session): void {
    this.#byId.set(session.id, session);
    session.beat = this.#opened++;
    this.#timer ??= setInterval(
      () => this.#onTick(),
      Math.max(SHORTEST_TICK_MS, this.#timings.heartbeatMs / TICKS),
    ).unref();
  }

  /** Takes out a session that has closed. */
  remove(session: Session): void {
    if (!this.#byId.delete(session.id)) return;
    if (this.#byId.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#emptied?.resolve();
  }

  /** Ends a session, telling it to come back after `retryMs`. */
  sendAway(session: Session, reason: GoawayReason, retryMs: number): void {
    // Whoever lost the right to what waits must not get it; the others should have their last states.
    const flush = reason === "shutdown";
    const goaway = frame("goaway", { reason, retryMs: Math.round(retryMs) });
    session.sendAway(goaway, performance.now() + this.#timings.endMs, flush);
  }

  /** Resolves when no session is left. */
  async emptied(): Promise<void> {
    if (this.#byId.size === 0) return;
    await (this.#emptied ??= Promise.withResolvers()).promise;
  }

  #onTick(): void {
    const nowMs = performance.now();
    const { drainMs } = this.#timings;
    this.#tick = (this.#tick + 1) % TICKS;
    for (const session of this.#byId.values()) {
      session.cutIfOverdue(nowMs, drainMs);
      if (nowMs > session.endsAtMs) this.#onExpired(session);
      else if (session.beat % TICKS === this.#tick) session.ping(PING);
    }
  }
}
