import { ForgeError, type Forge, type Logger, type StoreIdentity } from "@forge-jobs/core";
import { type JobSnapshot, PROTOCOL_VERSION, type Snapshot, type WorkflowSnapshot } from "@forge-jobs/protocol";
import { randomBytes } from "node:crypto";
import type { Access } from "./access.ts";
import { Hub } from "./hub.ts";
import { JobView, noJob } from "./job-view.ts";
import { Counter } from "./limits/counter.ts";
import type { ResolvedLimits } from "./limits/limits.ts";
import { Rate } from "./limits/rate.ts";
import type { Caller } from "./principal.ts";
import { noRun, RunView } from "./run-view.ts";
import { isSameSecret, sessionSecret } from "./session-secret.ts";
import { Session, type SessionHost } from "./session.ts";
import { type GoawayReason, Sessions } from "./sessions.ts";
import type { Channel, ChannelListener } from "./sse/channel.ts";
import { type Frame, frame } from "./sse/frame.ts";
import type { StateView } from "./state-view.ts";
import { answerOf, Subscriptions, type Wanted } from "./subscriptions.ts";
import type { Timings } from "./timings.ts";

/** What a gateway works with. */
export interface GatewayOptions {
  readonly forge: Forge;
  readonly access: Access;
  readonly limits: ResolvedLimits;
  readonly timings: Timings;
  readonly log: Logger;
}

/** A session by the two values that `connected` gave its client. */
export interface SessionProof {
  readonly sessionId: string;
  readonly sessionSecret: string;
}

/** Starts a session's stream, on the channel that `open` makes. */
export type Opened = (open: (listener: ChannelListener) => Channel) => void;

/** Counts for operators. */
export interface GatewayStats {
  /** Open streams. */
  readonly sessions: number;
  /** Different jobs and runs that they watch. */
  readonly watchedJobs: number;
  /** States that wait for slow readers. */
  readonly waitingStates: number;
  /** Changes that no hint told of; more than a few mean that hints get lost. */
  readonly backstopFinds: number;
  /** Whether the database does not answer at present. */
  readonly stale: boolean;
}

const SHORTEST_RETRY_MS = 1_000;
const NAMES_PER_WATCH = 100;

/** The streams of one node: opens them, changes what they watch, and ends them. Knows no web framework. */
export class Gateway {
  readonly hub: Hub;
  readonly #options: GatewayOptions;
  /** Begins every session's id, so that it is known whose it is once there are several gateways. */
  readonly #id = randomBytes(9).toString("base64url");
  readonly #sessions: Sessions;
  readonly #subscriptions: Subscriptions;
  readonly #count: Counter;
  readonly #rate: Rate;
  readonly #host: SessionHost = {
    closed: (session) => this.#closed(session),
    appeared: (session, watch, view) => void this.#subscriptions.appeared(session, watch, view),
  };
  #identity: StoreIdentity | null = null;
  #isClosing = false;

  constructor(options: GatewayOptions) {
    const { forge, access, limits, timings, log } = options;
    this.#options = options;
    this.hub = new Hub({
      forge,
      timings,
      log,
      recheck: () => this.#recheck(),
      onStale: (stale) => this.#announce(stale),
    });
    this.#sessions = new Sessions(timings, (session) => this.#sendAway(session, "expired"));
    const watched = new Counter("jobs watched", limits.watched);
    this.#subscriptions = new Subscriptions({ hub: this.hub, access, watched, timings });
    this.#count = new Counter("streams open", limits.sessions);
    this.#rate = new Rate("subscribe requests", limits.subscribesPerSecond);
  }

  get isClosing(): boolean {
    return this.#isClosing;
  }

  get stats(): GatewayStats {
    let waitingStates = 0;
    for (const session of this.#sessions.all()) waitingStates += session.waiting;
    const { size, backstopFinds, isStale } = this.hub;
    return { sessions: this.#sessions.size, watchedJobs: size, waitingStates, backstopFinds, stale: isStale };
  }

  /** What sessions are signed with. Read once; throws `UNAVAILABLE` until then while the database does not answer. */
  async identity(): Promise<StoreIdentity> {
    return (this.#identity ??= await this.#options.forge.identity());
  }

  /** Counts a request that asks for states. Throws `RATE_LIMITED`. */
  countSubscribe(caller: Caller): void {
    this.#rate.take(caller);
  }

  /**
   * Begins a session that watches `wanted`, up to the point where only its channel is missing.
   *
   * Registered before anything is awaited, so that a revocation from now on reaches it. Throws `RATE_LIMITED`,
   * `UNAVAILABLE`, and `UNAUTHENTICATED` if it was revoked meanwhile.
   */
  async open(caller: Caller, identity: StoreIdentity, wanted: readonly Wanted[]): Promise<Opened> {
    this.countSubscribe(caller);
    this.#refuseWhenClosing();
    this.#count.take(caller, 1);
    const sessionId = `${this.#id}.${randomBytes(15).toString("base64url")}`;
    const session = new Session(sessionId, caller, performance.now() + this.#lifeMs(caller), this.#host);
    this.#sessions.add(session);
    try {
      const subscribed = await this.#subscriptions.add(session, wanted, "stream");
      this.#refuseWhenClosing();
      if (session.isClosed)
        throw new ForgeError("UNAUTHENTICATED", "The rights of this user were revoked; sign in again.");
      const missing = subscribed.filter(({ view }) => view === null).map(({ id }) => frame("job", noJob(id)));
      const first = [this.#connected(session, identity), ...this.#status(), ...missing];
      return (open) => session.open(open(session), first);
    } catch (error) {
      session.closed();
      throw error;
    }
  }

  /**
   * Changes what a session watches, and answers the states that its client lacks; the stream then says `subscribed`.
   *
   * Throws `NOT_FOUND` for a session that is not the caller's, `RATE_LIMITED`, `UNAVAILABLE`.
   */
  async subscribe(
    caller: Caller,
    proof: SessionProof,
    change: { readonly n: number; readonly add: readonly Wanted[]; readonly remove: readonly string[] },
  ): Promise<Snapshot[]> {
    this.countSubscribe(caller);
    const session = await this.#sessionOf(caller, proof);
    this.#subscriptions.remove(session, change.remove);
    const subscribed = await this.#subscriptions.add(session, change.add, "answer");
    session.say("subscribed", frame("subscribed", { n: change.n }));
    return subscribed.map(answerOf).filter((state) => state !== null);
  }

  /** Adds one job, under a name of the client's choice if it gives one, and answers its state. Errors as `subscribe`. */
  async subscribeJob(caller: Caller, proof: SessionProof, jobId: string, name: string | null): Promise<JobSnapshot> {
    const view = await this.#subscribeOne(caller, proof, jobId, name, (found) => found instanceof JobView);
    return view?.bounded() ?? noJob(jobId);
  }

  /** The same for a run of a workflow. */
  async subscribeRun(
    caller: Caller,
    proof: SessionProof,
    workflowId: string,
    name: string | null,
  ): Promise<WorkflowSnapshot> {
    const view = await this.#subscribeOne(caller, proof, workflowId, name, (found) => found instanceof RunView);
    return view?.bounded() ?? noRun(workflowId);
  }

  /** What is there and no `View` counts as not found: it is not watched, unless it was already. */
  async #subscribeOne<View extends StateView>(
    caller: Caller,
    proof: SessionProof,
    id: string,
    name: string | null,
    isOne: (found: StateView) => found is View,
  ): Promise<View | null> {
    this.countSubscribe(caller);
    const session = await this.#sessionOf(caller, proof);
    const isNew = !session.watches.has(id);
    const [subscribed] = await this.#subscriptions.add(session, [{ id, revision: -1 }], "answer");
    const view = subscribed?.view ?? null;
    if (view !== null && !isOne(view)) {
      if (isNew) this.#subscriptions.remove(session, [id]);
      return null;
    }
    const watch = session.watches.get(id);
    if (name !== null && watch !== undefined) {
      watch.names ??= new Set();
      if (watch.names.size >= NAMES_PER_WATCH) {
        throw new ForgeError(
          "BAD_REQUEST",
          `One session may give an id at most ${NAMES_PER_WATCH} subscriptionIds; reuse one.`,
        );
      }
      watch.names.add(name);
    }
    return view;
  }

  /** Takes out one job or run, or one of its names; with the last name it goes too. What is not watched is no error. */
  async unsubscribe(caller: Caller, proof: SessionProof, id: string, name: string | null): Promise<void> {
    const session = await this.#sessionOf(caller, proof);
    const names = session.watches.get(id)?.names;
    if (name !== null && names) {
      names.delete(name);
      if (names.size > 0) return;
    }
    this.#subscriptions.remove(session, [id]);
  }

  /** Ends the streams of a principal. */
  revoke(principalId: string): void {
    for (const session of this.#sessions.all()) {
      if (session.caller.principal?.id === principalId) this.#sendAway(session, "revoked");
    }
  }

  /** Says goodbye to everybody; resolves when all streams have taken their last bytes, or were cut. */
  async close(): Promise<void> {
    this.#isClosing = true;
    for (const session of this.#sessions.all()) this.#sendAway(session, "shutdown");
    await this.#sessions.emptied();
    this.hub.close();
  }

  #refuseWhenClosing(): void {
    if (this.#isClosing) throw new ForgeError("UNAVAILABLE", "This server is shutting down; connect again.");
  }

  #lifeMs({ principal }: Caller): number {
    // Streams that were opened together should not all come back together.
    const longest = this.#options.timings.sessionMs * (0.9 + 0.1 * Math.random());
    return Math.min(longest, (principal?.expiresAt?.getTime() ?? Number.POSITIVE_INFINITY) - Date.now());
  }

  async #sessionOf(caller: Caller, proof: SessionProof): Promise<Session> {
    const expected = sessionSecret(await this.identity(), proof.sessionId, caller.principal);
    const session = isSameSecret(proof.sessionSecret, expected) ? this.#sessions.get(proof.sessionId) : undefined;
    if (session === undefined) {
      throw new ForgeError("NOT_FOUND", "There is no such session of yours; open a new stream.");
    }
    return session;
  }

  #connected({ id, caller }: Session, identity: StoreIdentity): Frame {
    const { heartbeatMs, pollMs, spreadMs } = this.#options.timings;
    const data = {
      sessionId: id,
      sessionSecret: sessionSecret(identity, id, caller.principal),
      protocol: PROTOCOL_VERSION,
      epoch: identity.epoch,
      heartbeatMs,
      pollMs,
    };
    return frame("connected", data, Math.round(SHORTEST_RETRY_MS + Math.random() * spreadMs));
  }

  #status(): Frame[] {
    return this.hub.isStale ? [frame("status", { stale: true })] : [];
  }

  #announce(stale: boolean): void {
    const status = frame("status", { stale });
    for (const session of this.#sessions.all()) session.say("status", status);
  }

  async #recheck(): Promise<void> {
    const identity = await this.#options.forge.identity();
    const known = this.#identity;
    this.#identity = identity;
    if (known === null || known.epoch === identity.epoch) return;
    this.hub.forgetRevisions();
    for (const session of this.#sessions.all()) this.#sendAway(session, "database changed");
  }

  #sendAway(session: Session, reason: GoawayReason): void {
    this.#sessions.sendAway(session, reason, Math.random() * this.#options.timings.spreadMs);
  }

  #closed(session: Session): void {
    this.#sessions.remove(session);
    this.#subscriptions.remove(session, session.watches.keys());
    this.#count.give(session.caller, 1);
  }
}
