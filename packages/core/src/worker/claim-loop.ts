import type { Logger } from "../logger.ts";
import type { ClaimedJob, ClaimLimits, JobVerbs } from "../store.ts";
import { type ClaimPlan, ClaimPlans } from "./claim-plan.ts";
import { Pace } from "./pace.ts";
import type { Room } from "./room.ts";
import type { SlotLane } from "./slot-loan.ts";

/** What a claim loop asks of the worker around it. */
export interface ClaimHost {
  readonly jobs: Pick<JobVerbs, "claim" | "nextDue">;
  readonly log: Logger;
  readonly random: () => number;
  readonly now: () => number;
  /** Under which worker id to claim, or null while this process may not. */
  workerId(): string | null;
  /** What this queue has to heed besides; undefined where nothing limits any of its jobs. */
  limits(): ClaimLimits | undefined;
  /** The same for the claim that is made next. */
  claimLimits(): ClaimLimits | undefined;
  /** Whether a handler of this queue may start now, apart from the queue's slots. */
  mayStart(): boolean;
  /** The resources that jobs of this process share; null where none of its types uses any. */
  readonly room: Room | null;
  /** Takes note of a claimed job; answers whether it waits in this loop's buffer for a slot. */
  accept(job: ClaimedJob): boolean;
  /** Returns a claimed job that did not start to its queue. */
  giveBack(job: ClaimedJob): void;
  /** Starts the job's handler; the loop's `slotFreed` is called once it gave its slot back. */
  start(job: ClaimedJob): void;
  /**
   * Jobs that runs of this process wait for and that no worker has begun as far as is known, the latest wait first.
   */
  awaited(limit: number): readonly string[];
}

const LARGEST_CLAIM = 1_000;
const PREFETCH_MS = 100;
const POLL_CEILING_MS = 1_000;
const DUE_CHECK_MS = 200;
const OLDEST_EVERY = 10;
const LONGEST_PAUSE_MS = 5_000;
const STUCK_MS = 1_000;
/** How many handlers may wait for children for each slot; beyond, only children are claimed. */
const WAITING_PER_SLOT = 10;
const AWAITED_AT_ONCE = 200;
const LOOK_ELSEWHERE_MS = 1_000;

/**
 * Keeps the slots of one queue busy.
 *
 * Draining: claims follow each other, one under way at a time, while slots or buffer have room and each comes back full.
 * Asleep, after a claim that came back short: woken by a hint, by the next job that falls due, or after a second; a slot
 * that falls free does not wake it. Pausing, after a failed claim: hints are ignored until a jittered wait is over. Closed:
 * nothing is claimed or started until it is opened again, and a claim under way hands what it brings to the host. Crowded,
 * while ten handlers a slot wait for children: nothing is claimed besides children that are waited for, here or elsewhere.
 * Stopped: nothing is claimed or started any more.
 */
export class ClaimLoop implements SlotLane {
  readonly #host: ClaimHost;
  readonly #queue: string;
  readonly #types: readonly string[];
  readonly #plans: ClaimPlans | null;
  #slots: number;
  readonly #pace: Pace;
  #buffer: ClaimedJob[] = [];
  #taken = 0;
  #running = 0;
  /** Handlers that wait for children, their slots lent. */
  #lent = 0;
  readonly #returning = new Map<object, () => void>();
  #lookedElsewhere = -Infinity;
  #claiming: Promise<void> | null = null;
  #hinted = false;
  #asleep = false;
  #closed = false;
  #stopped = false;
  #claims = 0;
  #sharedClaims = 0;
  #failures = 0;
  #lastDueCheck = -Infinity;
  #starts = 0;
  #stuck: NodeJS.Timeout | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(host: ClaimHost, queue: string, types: readonly string[], slots: number) {
    this.#host = host;
    this.#queue = queue;
    this.#types = types;
    this.#slots = slots;
    const { room } = host;
    const shares = types.some((type) => room?.isUsedBy(type));
    const jobs = { nextDue: (args: { types: readonly string[] }) => this.#nextDue(args.types) };
    this.#plans = room !== null && shares ? new ClaimPlans({ room, jobs, now: host.now }, queue, types) : null;
    this.#pace = new Pace(host.now);
  }

  /** A job may have become available. */
  wake(): void {
    if (this.#stopped || this.#failures > 0) return;
    this.#hinted = true;
    this.#asleep = false;
    this.pump();
  }

  /** This process may claim again: its lease was lost and is back. */
  resume(): void {
    this.#failures = 0;
    this.wake();
  }

  /**
   * Lends a slot to a job that is about to be dispatched, if this loop sleeps: nothing that is due waits then, as far as it
   * knows, so the job overtakes nobody. Answers the worker id to claim it for; `slotFreed` or `returnSlot` ends the loan.
   */
  lendSlot(): string | null {
    if (!this.#asleep || this.#closed || this.#stopped || this.#running >= this.#slots || !this.#host.mayStart())
      return null;
    if (this.#isCrowded || this.#returning.size > 0) return null;
    const workerId = this.#host.workerId();
    if (workerId !== null) this.#running++;
    return workerId;
  }

  /** The slot that was lent is not needed after all. */
  returnSlot(): void {
    this.#running--;
    this.pump();
  }

  /** A handler gave its slot back after so many milliseconds; null if they tell nothing of how long handlers take. */
  slotFreed(ms: number | null): void {
    this.#running--;
    if (ms !== null) this.#pace.add(ms);
    this.pump();
  }

  lend(): void {
    this.#running--;
    this.#lent++;
    if (!this.#isCrowded) return this.pump();
    // What waits here may be what somebody waits for elsewhere.
    for (const job of this.takeBuffered()) this.#host.giveBack(job);
    this.wake();
  }

  regain(borrower: object, resume: () => void): void {
    this.#returning.set(borrower, resume);
    this.pump();
  }

  takeBack(borrower: object): void {
    this.#returning.delete(borrower);
    const wasCrowded = this.#isCrowded;
    this.#running++;
    this.#lent--;
    // What waits besides children was not looked at for a while.
    if (wasCrowded && !this.#isCrowded) this.#asleep = false;
  }

  stopRegaining(borrower: object): void {
    this.#returning.delete(borrower);
  }

  /** Starts what may start, and claims what there is room for. */
  pump(): void {
    for (const [borrower, resume] of this.#returning) {
      if (this.#running >= this.#slots) break;
      this.takeBack(borrower);
      resume();
    }
    if (this.#closed) return;
    while (this.#waiting > 0 && this.#running < this.#slots && !this.#stopped && this.#host.mayStart()) {
      const job = this.#shift();
      this.#running++;
      this.#starts++;
      this.#host.start(job);
    }
    this.#watchBuffer();
    if (this.#claiming === null && !this.#asleep && !this.#stopped && this.#failures === 0 && this.#room() > 0)
      this.#claim();
  }

  /** How many handlers run at once from now on. Answers the jobs that wait for a slot, where it is fewer than before. */
  resize(slots: number): ClaimedJob[] {
    const fewer = slots < this.#slots;
    this.#slots = slots;
    if (fewer) return this.takeBuffered();
    this.pump();
    return [];
  }

  /** Claims and starts nothing until `open`. Answers the jobs that wait for a slot. */
  close(): ClaimedJob[] {
    this.#closed = true;
    return this.takeBuffered();
  }

  /** Claims and starts again. */
  open(): void {
    if (!this.#closed) return;
    this.#closed = false;
    this.resume();
  }

  /** Takes a job out of the buffer: it was cancelled or is no longer this process's. */
  drop(jobId: string): void {
    const at = this.#buffer.findIndex((job, index) => index >= this.#taken && job.id === jobId);
    if (at >= 0) this.#buffer.splice(at, 1);
  }

  /** Empties the buffer and answers what was in it. */
  takeBuffered(): ClaimedJob[] {
    const jobs = this.#buffer.slice(this.#taken);
    this.#buffer = [];
    this.#taken = 0;
    return jobs;
  }

  /** Claims and starts nothing any more. */
  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#stuck);
  }

  /** Resolves once no claim is under way; what it brought was handed to the host. */
  async idle(): Promise<void> {
    await this.#claiming;
  }

  /** Slots that neither a running nor a waiting job has. */
  get #free(): number {
    return this.#slots - this.#running - this.#waiting;
  }

  get #isCrowded(): boolean {
    return this.#lent >= WAITING_PER_SLOT * this.#slots;
  }

  get #waiting(): number {
    return this.#buffer.length - this.#taken;
  }

  /**
   * Gives back what waits for a slot while for a second nothing started: handlers take longer now than when it was claimed,
   * and another process may have slots.
   */
  #watchBuffer(): void {
    if (this.#waiting === 0 || this.#stuck !== undefined || this.#stopped) return;
    const starts = this.#starts;
    this.#stuck = setTimeout(() => {
      this.#stuck = undefined;
      if (starts === this.#starts && this.#host.mayStart())
        for (const job of this.takeBuffered()) this.#host.giveBack(job);
      this.#watchBuffer();
    }, STUCK_MS);
  }

  #shift(): ClaimedJob {
    const job = this.#buffer[this.#taken++] as ClaimedJob;
    if (this.#taken === this.#buffer.length) this.takeBuffered();
    return job;
  }

  /**
   * Free slots, plus what the slots finish in 100 ms, less what waits; 0 while the buffer is more than half full. Under a
   * limit only free slots count, since a job that waited here would keep another from running elsewhere.
   */
  #room(): number {
    // Handlers that wait take next to no time of their slots: going by that, far too many would be fetched.
    if (this.#lent > 0) return Math.max(this.#slots - this.#running - this.#waiting, 0);
    const isLimited = this.#host.limits() !== undefined;
    const ahead = isLimited ? 0 : Math.floor(this.#pace.jobsWithin(PREFETCH_MS, this.#slots));
    const prefetch = Math.min(ahead, LARGEST_CLAIM);
    const free = this.#slots - this.#running;
    if (this.#waiting > free + prefetch / 2) return 0;
    return Math.min(Math.max(free + prefetch - this.#waiting, 0), LARGEST_CLAIM);
  }

  #claim(): void {
    clearTimeout(this.#timer);
    if (this.#closed) return;
    const workerId = this.#host.workerId();
    if (workerId === null) {
      this.#timer = setTimeout(() => this.resume(), POLL_CEILING_MS);
      return;
    }
    this.#claiming = this.#claimAs(workerId);
  }

  async #claimAs(workerId: string): Promise<void> {
    this.#hinted = false;
    try {
      if (this.#plans !== null) await this.#plans.look(this.#free);
      const plan = this.#plans?.next(this.#free, this.#room()) ?? {
        types: this.#types,
        limit: this.#room(),
        offer: null,
      };
      const goesOn = await this.#claimBy(plan, workerId);
      this.#failures = 0;
      if (!goesOn && !this.#hinted) this.#sleep();
    } catch (cause) {
      this.#pause(cause);
    }
    this.#claiming = null;
    this.pump();
  }

  /** Answers whether another claim now may bring more. */
  async #claimBy(planned: ClaimPlan, workerId: string): Promise<boolean> {
    const { types, offer } = planned;
    const limits = limitsOf(types, this.#free > 0 ? this.#host.claimLimits() : this.#host.limits());
    const limit = limits === undefined ? planned.limit : Math.min(planned.limit, this.#free);
    const plan = { ...planned, limit };
    // Each kind counts its own, or the one that is every second would never, or always, be the oldest-first.
    const count = offer === null ? ++this.#claims : ++this.#sharedClaims;
    let jobs: ClaimedJob[] = [];
    let goesOn = false;
    try {
      const oldestFirst = count % OLDEST_EVERY === 0;
      if (types.length > 0 && limit > 0)
        jobs = await this.#take({
          workerId,
          queue: this.#queue,
          types,
          limit,
          oldestFirst,
          ...(limits !== undefined && { limits }),
        });
      for (const job of jobs) {
        this.#host.room?.take(job);
        if (this.#host.accept(job)) this.#buffer.push(job);
      }
    } finally {
      goesOn = this.#plans === null ? jobs.length >= limit : this.#plans.done(plan, jobs.length, this.#free);
    }
    return goesOn;
  }

  #nextDue(types: readonly string[]): Promise<number | null> {
    const limits = limitsOf(types, this.#host.limits());
    const asked = { queue: this.#queue, types };
    return this.#host.jobs.nextDue(limits === undefined ? asked : { ...asked, limits });
  }

  async #take(claim: Parameters<JobVerbs["claim"]>[0]): Promise<ClaimedJob[]> {
    const { jobs } = this.#host;
    const ids = this.#isCrowded ? this.#host.awaited(AWAITED_AT_ONCE) : null;
    if (ids === null) return jobs.claim(claim);
    const taken = ids.length === 0 ? [] : await jobs.claim({ ...claim, oldestFirst: false, among: ids });
    // Those that others wait for, too: two processes that are crowded might else wait for each other.
    const now = this.#host.now();
    if (taken.length > 0 || now - this.#lookedElsewhere < LOOK_ELSEWHERE_MS) return taken;
    this.#lookedElsewhere = now;
    return jobs.claim({ ...claim, oldestFirst: false, among: "awaited" });
  }

  #sleep(): void {
    this.#asleep = true;
    if (this.#stopped || this.#closed) return;
    // A due time is asked for at most every 200 ms: a stream of single jobs would otherwise pay a second query each.
    const wait = Math.max(0, this.#lastDueCheck + DUE_CHECK_MS - this.#host.now());
    this.#timer = setTimeout(() => void this.#sleepUntilDue(), wait);
  }

  async #sleepUntilDue(): Promise<void> {
    this.#lastDueCheck = this.#host.now();
    let due: number | null = null;
    try {
      // What is due next says nothing of the children among it.
      if (!this.#isCrowded) due = await this.#nextDue(this.#plans?.claimable() ?? this.#types);
    } catch {
      // The claim after the ceiling meets the same trouble, and reports it.
    }
    if (!this.#asleep || this.#stopped || this.#closed) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.wake(), Math.min(due ?? POLL_CEILING_MS, POLL_CEILING_MS));
  }

  #pause(cause: unknown): void {
    if (this.#failures++ === 0) {
      this.#host.log.warn("Cannot claim jobs; trying on", { queue: this.#queue, cause });
    }
    if (this.#stopped) return;
    const wait = Math.min(50 * 2 ** this.#failures, LONGEST_PAUSE_MS) * (0.5 + this.#host.random());
    this.#timer = setTimeout(() => {
      this.#asleep = false;
      this.#claim();
    }, wait);
  }
}

/** What of the limits concerns these types. */
function limitsOf(types: readonly string[], limits: ClaimLimits | undefined): ClaimLimits | undefined {
  const keyed = limits?.keyed.filter(({ type }) => types.includes(type)) ?? [];
  if (limits === undefined || (!limits.global && keyed.length === 0)) return undefined;
  return { global: limits.global, keyed };
}
