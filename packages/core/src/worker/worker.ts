import type { ForgeContext } from "../context.ts";
import type { JobDefinition } from "../define.ts";
import { eligibleTypes, type Offers } from "../eligibility.ts";
import type { HookRunner } from "../hook-runner.ts";
import type { Forge, Jobs } from "../forge-types.ts";
import { longTimer } from "../long-timer.ts";
import type { Mailer } from "../mail/mailer.ts";
import type { ClaimedJob, NewJob, WorkerServes } from "../store.ts";
import { CancelWatch } from "./cancel-watch.ts";
import { RunDesk, type RunDeskDeps } from "../workflow/run-desk.ts";
import { ChildDesk, type NewChild } from "./children.ts";
import { ClaimLoop } from "./claim-loop.ts";
import { Flusher } from "./flusher.ts";
import { Holdings } from "./holdings.ts";
import { LogWriter } from "./job-log.ts";
import { jobMail } from "./job-mail.ts";
import { jobRateLimit } from "./job-rate-limit.ts";
import { Lease } from "./lease.ts";
import { Lending } from "./lending.ts";
import { Limits } from "./limits.ts";
import { watchLoopLag } from "./loop-lag.ts";
import { Orders } from "./orders.ts";
import { thisProcess } from "./process-identity.ts";
import { roomFor, type Room } from "./room.ts";
import { Run } from "./run.ts";
import type { RunHost } from "./run-host.ts";
import { SavedBatches } from "./saved.ts";
import { GRACE_MS } from "./stop-switch.ts";
import { ScaleDown } from "./scale-down.ts";
import { Suspects } from "./suspects.ts";
import { TokenDesk } from "./token-desk.ts";
import { WaitingFlags } from "./waiting-flags.ts";
import { type Staleness, whyStale } from "./why-stale.ts";

/** What a worker is made of. */
export interface WorkerDeps extends RunDeskDeps {
  readonly definitions: ReadonlyMap<string, JobDefinition>;
  /** Handlers at once, by queue, where the queue's settings do not say otherwise. */
  readonly queues: Readonly<Record<string, number>>;
  /** What this worker offers to jobs that ask for something. */
  readonly offers: Offers;
  /** The name of this worker for people, by its id. */
  readonly label: (workerId: string) => string;
  /** How long surplus handlers of a queue may go on once it has fewer slots. */
  readonly scaleDownGraceMs: number;
  readonly leaseMs: number;
  readonly context: ForgeContext;
  readonly dispatch: Forge["dispatch"];
  readonly newChild: NewChild;
  /** A child was inserted. Never rejects. */
  readonly onChild: (row: NewJob) => Promise<void>;
  readonly jobs: Jobs;
  readonly mailer: Mailer | null;
  readonly hooks: HookRunner;
}

// One death may be a deploy; a job that two workers died of runs alone among its kind, so that the third death tells.
// Workers that had merely claimed it do not count, or all that lay beside the culprit would be taken for it; the run that
// follows such a death says that it starts before it does, so that the next death counts.
const SUSPECT_DEATHS = 2;

const LAST_WRITES_MS = 10_000;

/** Whether `work` ended within `ms`. */
async function within(work: Promise<void>, ms: number): Promise<boolean> {
  const over = Promise.withResolvers<boolean>();
  const disarm = longTimer(() => over.resolve(false), ms);
  const done = await Promise.race([work.then(() => true), over.promise]);
  disarm();
  return done;
}

/**
 * The part of a process that runs jobs: a claim loop a queue, one flusher, one lease.
 *
 * Working: after `start`, while the lease is in force. Lost: signals have aborted and nothing starts until the lease is
 * back; outcomes are still offered, and the fence decides. Stopping: nothing new starts; handlers end, or are aborted at
 * the deadline and their jobs given back.
 */
export class Worker {
  readonly lease: Lease;
  readonly #deps: WorkerDeps;
  readonly #flusher: Flusher;
  readonly #logs: LogWriter;
  readonly #cancelWatch: CancelWatch;
  readonly #types: readonly string[];
  readonly #room: Room | null;
  readonly #orders: Orders;
  readonly #scaleDown: ScaleDown;
  readonly #limits: Limits;
  readonly #runHost: RunHost;
  readonly #loops = new Map<string, ClaimLoop>();
  readonly #holdings: Holdings;
  readonly #zombies = new Map<string, number>();
  readonly #suspects: Suspects;
  readonly #children: ChildDesk;
  readonly #runs: RunDesk;
  readonly #waitingFlags: WaitingFlags;
  readonly #lending: Lending;
  #running = 0;
  #stopping = false;
  #quiet: (() => void) | null = null;
  #unsubscribe: () => void = () => {};
  #unwatchLag: () => void = () => {};

  constructor(deps: WorkerDeps) {
    this.#deps = deps;
    const { log, random, store } = deps;
    this.#flusher = new Flusher({ jobs: store.jobs, log, random, onRoom: () => this.#pumpAll() });
    this.#logs = new LogWriter(store.logs, log);
    this.#holdings = new Holdings({
      onGone: (job) => this.#drop(job),
      onStray: (claim) => this.#giveBack(claim),
      onCancelRequested: (id) => this.cancelled(id),
    });
    this.#cancelWatch = new CancelWatch(
      store.jobs,
      () => this.#holdings.runningIds(),
      (id) => this.cancelled(id),
    );
    this.#types = eligibleTypes(deps.definitions.values(), deps.offers);
    this.#room = roomFor(
      this.#types.map((type) => deps.definitions.get(type) as JobDefinition),
      deps.offers.resources,
      {
        now: () => performance.now(),
        wake: (queue) => this.#loops.get(queue)?.wake(),
      },
    );
    this.#lending = new Lending({
      jobs: store.jobs,
      room: this.#room,
      serves: (type) => this.#types.includes(type),
      loop: (queue) => this.#loops.get(queue),
      accept: (job) => this.#accept(job),
      start: (job) => void this.#start(job),
    });
    this.#orders = new Orders({
      workers: store.workers,
      log,
      workerId: () => this.lease.ownId,
      apply: () => this.#applyOrders(),
    });
    this.#limits = new Limits(
      this.#types.map((type) => deps.definitions.get(type) as JobDefinition),
      (queue) => this.#orders.queue(queue),
      () => performance.now(),
    );
    this.#scaleDown = new ScaleDown({
      graceMs: deps.scaleDownGraceMs,
      slots: (queue) => this.#slots(queue),
      runs: (queue) => this.#runsIn(queue),
    });
    this.lease = new Lease(
      {
        workers: store.workers,
        log,
        now: () => performance.now(),
        about: (workerId) => this.#about(workerId),
        readOrders: () => this.#orders.read(),
        held: () => this.#holdings.claims(),
        onLost: () => this.#onLeaseLost(),
        onRenewed: () => {
          for (const loop of this.#loops.values()) loop.resume();
        },
        onRows: (rows, heldBefore) => {
          this.#holdings.reconcile(rows, heldBefore);
          void this.#orders.refresh();
        },
      },
      deps.leaseMs,
      thisProcess(),
    );
    this.#suspects = new Suspects((job) => this.#start(job), log);
    this.#children = new ChildDesk(store, deps);
    this.#runs = new RunDesk(deps, this.#children);
    this.#waitingFlags = new WaitingFlags(store.children);
    const desk = new TokenDesk(store.rateLimits);
    this.#runHost = {
      log,
      random,
      context: deps.context,
      dispatch: deps.dispatch,
      jobs: deps.jobs,
      hooks: deps.hooks,
      definitionOf: (name) => deps.definitions.get(name),
      queueBackoff: (queue) => this.#orders.queue(queue) ?? null,
      saved: new SavedBatches(store.saved),
      logs: this.#logs,
      settleIn: (args) => store.jobs.settleIn(args),
      mail: (signal) => jobMail(deps.mailer, signal),
      rateLimit: (jobId, signal) => jobRateLimit(jobId, signal, desk, store.rateLimits),
      children: this.#children,
      runs: this.#runs,
      lane: (run) => (this.#suspects.has(run) ? this.#suspects : (this.#loops.get(run.job.queue) as ClaimLoop)),
      onWaiting: (run, isWaiting) => this.#onWaiting(run, isWaiting),
      isLimited: (job) => this.#limits.counts(job),
      push: (update, source) => this.#flusher.push(update, source),
      mayAbandon: ({ job }) => this.#stopping || (this.#zombies.get(job.queue) ?? 0) < this.#slots(job.queue),
      freeSlot: (run, zombie) => this.#onSlotFree(run, zombie),
      zombieEnded: ({ job }) => {
        this.#room?.release(job);
        this.#countZombie(job.queue, -1);
      },
      whyStale: (run) => this.#whyStale(run),
      release: ({ job }) => this.#holdings.letGo(job),
    };
    for (const [queue, slots] of Object.entries(deps.queues)) this.#loops.set(queue, this.#makeLoop(queue, slots));
  }

  /** Takes its lease and begins to claim. Throws what the store throws. */
  async start(): Promise<void> {
    this.#unsubscribe = this.#deps.store.changes.subscribe({
      onAvailable: (queues) => {
        for (const queue of queues === "any" ? this.#loops.keys() : queues) this.#loops.get(queue)?.wake();
      },
      onCancelRequests: (hints) => this.#cancelWatch.onCancelRequests(hints),
      onLive: (live) => this.#orders.hears(live),
      onOrders: () => void this.#orders.refresh(),
    });
    this.#unwatchLag = watchLoopLag(this.lease.intervalMs, this.#deps.log);
    try {
      await this.lease.start();
      this.#orders.begin();
    } catch (error) {
      this.#unwatchLag();
      this.#unsubscribe();
      throw error;
    }
  }

  /** Stops as the class comment says; resolves once everything that jobs had to say is written, or cannot be. */
  async stop(timeoutMs: number): Promise<void> {
    this.#stopping = true;
    this.#orders.stop();
    this.#scaleDown.stop();
    for (const loop of this.#loops.values()) {
      loop.stop();
      for (const job of loop.takeBuffered()) this.#giveBack(job);
    }
    for (const job of this.#suspects.remove(() => true)) this.#giveBack(job);
    // Nothing starts here any more that they could wait for; elsewhere they, and runs of workflows, go on.
    for (const run of this.#holdings.runs) run.leave();
    await this.#handlersEnd(timeoutMs);
    this.#unsubscribe();
    this.#unwatchLag();
    this.#cancelWatch.stop();
    this.#children.watch.stop();
    this.#waitingFlags.stop();
    if (!(await within(this.#lastWrites(), LAST_WRITES_MS))) {
      this.#deps.log.error(
        "The database does not answer; what the last jobs reported is lost, and they will run again",
      );
    }
    this.#flusher.abandon();
    this.#runs.abandon();
    this.#logs.close();
  }

  async #handlersEnd(timeoutMs: number): Promise<void> {
    if (this.#running === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#quiet = resolve;
    const disarm = longTimer(() => this.#holdings.abortAll("SHUTDOWN"), timeoutMs);
    // A handler that ignores its signal keeps nobody: what it says no longer counts once its grace is over.
    await within(promise, timeoutMs + GRACE_MS + 1_000);
    disarm();
  }

  async #lastWrites(): Promise<void> {
    await Promise.all([...[...this.#loops.values()].map((loop) => loop.idle()), this.#lending.settled()]);
    await Promise.all([this.#flusher.settled(), this.#runs.settled()]);
    await this.#deps.hooks.idle();
    await this.#logs.settled();
    await this.lease
      .stop()
      .catch((cause: unknown) => this.#deps.log.warn("This worker's row could not be ended", { cause }));
  }

  /**
   * Inserts a job that is due and has no keys straight into a free slot of this process, and starts it; answers false,
   * having done nothing, where there is no idle slot for it. Throws what the store throws.
   */
  insertAndStart(job: NewJob): Promise<boolean> {
    return this.#lending.insertAndStart(job);
  }

  /** This process cancelled a job, and with it its children, some of which may run here. */
  cancelledHere(id: string): void {
    this.cancelled(id);
    this.#cancelWatch.onCancelRequests("any");
  }

  /** Somebody cancelled this job; where it runs or waits here, it learns so at once. */
  cancelled(id: string): void {
    const holding = this.#holdings.find(id);
    if (holding?.run) holding.run.abort("CANCELLED");
    else if (holding) this.#drop(holding.job);
  }

  /** The types without concurrency keys that this worker runs, in each of its queues. */
  lanesWithoutKeys(): { queue: string; type: string }[] {
    const types = this.#types.filter((type) => this.#deps.definitions.get(type)?.concurrency === null);
    return [...this.#loops.keys()].flatMap((queue) => types.map((type) => ({ queue, type })));
  }

  /** Learns at once of orders that this process gave. Never rejects. */
  ordersChanged(): Promise<void> {
    return this.#orders.refresh();
  }

  #about(workerId: string): { label: string; serves: WorkerServes } {
    const { label, queues, log } = this.#deps;
    log.info("Working", { worker: label(workerId), queues });
    return { label: label(workerId), serves: { queues, types: this.#types } };
  }

  #applyOrders(): void {
    for (const [queue, loop] of this.#loops) {
      const waiting = this.#isClosed(queue) ? loop.close() : [];
      waiting.push(...loop.resize(this.#slots(queue)));
      const limitMoved = this.#limits.moved(queue);
      // Under a limit nothing is held in advance.
      if (limitMoved) waiting.push(...loop.takeBuffered());
      for (const job of waiting) this.#giveBack(job);
      this.#scaleDown.look(queue);
      if (this.#isClosed(queue)) continue;
      loop.open();
      if (limitMoved) loop.wake();
    }
    for (const job of this.#suspects.remove(({ queue }) => this.#isClosed(queue))) this.#giveBack(job);
  }

  #isClosed(queue: string): boolean {
    return this.#orders.drains || (this.#orders.queue(queue)?.pausedAt ?? null) !== null;
  }

  #slots(queue: string): number {
    return this.#orders.queue(queue)?.concurrency ?? this.#deps.queues[queue] ?? 0;
  }

  /** The runs that hold slots of the queue; suspects run beside them. */
  #runsIn(queue: string): Run[] {
    return this.#holdings.runs.filter((run) => run.job.queue === queue && run.holdsSlot && !this.#suspects.has(run));
  }

  #makeLoop(queue: string, slots: number): ClaimLoop {
    const { store, log, random } = this.#deps;
    const host = {
      jobs: store.jobs,
      log,
      random,
      now: () => performance.now(),
      workerId: () => (this.#stopping ? null : this.lease.workerId),
      mayStart: () => this.#flusher.hasRoom && this.lease.workerId !== null,
      room: this.#room,
      accept: (job: ClaimedJob) => this.#accept(job),
      giveBack: (job: ClaimedJob) => this.#giveBack(job),
      start: (job: ClaimedJob) => void this.#start(job),
      limits: () => this.#limits.of(queue),
      claimLimits: () => this.#limits.ofClaim(queue),
      awaited: (limit: number) => this.#children.awaited(limit),
    };
    return new ClaimLoop(host, queue, this.#types, slots);
  }

  /** Takes in a claimed job, for whatever earlier claim a handler runs here; answers whether it waits for a slot of its loop. */
  #accept(job: ClaimedJob): boolean {
    this.#limits.meet(job);
    this.#holdings.find(job.id)?.run?.lost();
    this.#holdings.add(job);
    if (this.#stopping || this.#isClosed(job.queue)) {
      this.#giveBack(job);
      return false;
    }
    if (job.deaths < SUSPECT_DEATHS) return true;
    this.#suspects.add(job);
    return false;
  }

  #start(job: ClaimedJob): Run {
    this.#running++;
    const run = new Run(job, this.#deps.definitions.get(job.type) as JobDefinition, this.#runHost);
    this.#holdings.begin(job, run);
    void run.start();
    return run;
  }

  #onWaiting(run: Run, isWaiting: boolean): void {
    this.#waitingFlags.set(run.job, isWaiting, this.#limits.counts(run.job));
    // Its children may need what it uses; back from its wait it uses it again, even where that is more than there is.
    if (isWaiting) this.#room?.release(run.job);
    else this.#room?.take(run.job);
    if (isWaiting && this.#stopping) run.abort("SHUTDOWN");
  }

  #onSlotFree(run: Run, zombie: boolean): void {
    this.#running--;
    // One that goes on beside the slots goes on using what it uses.
    if (zombie) this.#countZombie(run.job.queue, 1);
    else this.#room?.release(run.job);
    if (!this.#suspects.freed(run)) this.#loops.get(run.job.queue)?.slotFreed(run.paceMs);
    if (this.#running === 0) this.#quiet?.();
  }

  #countZombie(queue: string, by: 1 | -1): void {
    this.#zombies.set(queue, (this.#zombies.get(queue) ?? 0) + by);
  }

  async #whyStale({ job }: Run): Promise<Staleness> {
    const why = await whyStale(this.#deps.store.jobs, job.id);
    // A transaction told the others of the room that it made, and this process perhaps not.
    if (why === "COMPLETED" && this.#limits.counts(job)) this.#loops.get(job.queue)?.wake();
    return why;
  }

  /** A job that waits for a slot is no longer this process's. */
  #drop(job: ClaimedJob): void {
    this.#loops.get(job.queue)?.drop(job.id);
    this.#suspects.remove((waiting) => waiting === job);
    this.#room?.release(job);
    this.#holdings.letGo(job);
  }

  #giveBack(job: { id: string; claimNo: number }): void {
    this.#room?.release(job);
    const update = { id: job.id, claimNo: job.claimNo, started: false, progress: undefined, message: undefined };
    this.#flusher.push(
      { ...update, outcome: { kind: "given_back", delayMs: 0 } },
      { onResult: () => this.#holdings.letGo(job), onRefused: () => null },
    );
  }

  #onLeaseLost(): void {
    this.#deps.log.warn("This worker's lease is over; its handlers are told to stop", { running: this.#running });
    this.#holdings.abortAll("LEASE_LOST");
    for (const job of this.#holdings.waiting) this.#drop(job);
    this.#holdings.forgetStrays();
  }

  #pumpAll(): void {
    for (const loop of this.#loops.values()) loop.pump();
  }
}
