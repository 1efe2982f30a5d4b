import type { Logger } from "../logger.ts";
import type { ChangeListener, Changes, CronRow, CronVerbs, NewJob } from "../store.ts";
import { newRun } from "./cron-run.ts";
import { type Decision, decide } from "./decide.ts";
import type { CronDefinition } from "./define-cron.ts";

/** What a ticker is made of. */
export interface TickerDeps {
  readonly crons: CronVerbs;
  readonly changes: Changes;
  readonly definitions: readonly CronDefinition[];
  readonly log: Logger;
  readonly random: () => number;
  /** A monotonic clock in milliseconds. */
  readonly now: () => number;
  /** Hears of the jobs of a tick once they exist; nothing waits for it, and it never rejects. */
  readonly onMade: (jobs: readonly NewJob[]) => Promise<void>;
}

/** The longest sleep: by then a clock that was moved, a machine that slept and other processes' changes are noticed. */
const LONGEST_SLEEP_MS = 1_000;
const LONGEST_PAUSE_MS = 5_000;
/** Who did not make a cron's last tick lets the others begin, and mostly finds it made. */
const LEAST_YIELD_MS = 5;
const MOST_YIELD_MS = 30;
const SEEN_EVERY_MS = 10_000;
/** A row that nobody with its definition was seen at for so long, by this process's own watch, is taken over. */
const ABANDONED_MS = 30_000;

/**
 * Makes the ticks of this process's crons, beside other processes that do the same: the store lets one of them win each.
 *
 * Sleeping: one timer, to the next tick or a second ahead; ended early when a job ends that missed ticks wait for. Looking: the rows are read, what is due is decided and written.
 * Pausing, after a store that did not answer: a look follows after a jittered wait. Stopped: no look begins any more.
 */
export class Ticker {
  readonly #deps: TickerDeps;
  readonly #names: readonly string[];
  /** The first tick after the last one that is decided, for each cron, kept since it takes a while to work out. */
  readonly #next = new Map<string, { lastTick: number; tick: number }>();
  /** The crons whose last tick this process made. */
  readonly #leading = new Set<string>();
  /** Rows of another version: when they were last seen there, and since when this process knows that. */
  readonly #foreign = new Map<string, { seenAt: number; since: number }>();
  /** The jobs that missed ticks wait for, by cron. */
  readonly #awaited = new Map<string, string | null>();
  #unsubscribe: (() => void) | null = null;
  readonly #listener: ChangeListener = {
    onAvailable: () => {},
    onMoved: (hints) => {
      const awaited = new Set(this.#awaited.values());
      if (hints !== "any" && hints.some(({ id }) => awaited.has(id))) this.#wake();
    },
    onLive: () => {},
  };
  #timer: NodeJS.Timeout | null = null;
  #woken = false;
  #looking: Promise<void> = Promise.resolve();
  #failures = 0;
  #stopped = false;

  constructor(deps: TickerDeps) {
    this.#deps = deps;
    this.#names = deps.definitions.map(({ name }) => name);
  }

  /** Makes the ticks of these crons this process's, from now on. Throws what the store throws. */
  async register(): Promise<void> {
    if (this.#names.length === 0) return;
    await this.#deps.crons.register({ crons: this.#deps.definitions, takeOver: false });
  }

  /** Begins. */
  start(): void {
    if (this.#names.length > 0) this.#arm(0);
  }

  /** Looks now: the store's clock was moved. Resolves once what was due has its job. */
  async lookNow(): Promise<void> {
    await this.#looking;
    if (this.#timer === null || this.#stopped) return;
    clearTimeout(this.#timer);
    this.#begin();
    await this.#looking;
  }

  /** Makes no further ticks; resolves once none is under way. */
  async stop(): Promise<void> {
    this.#stopped = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    await this.#looking;
    this.#unsubscribe?.();
  }

  #arm(ms: number): void {
    if (this.#stopped) return;
    this.#timer = setTimeout(() => this.#begin(), this.#woken ? 0 : ms);
    this.#woken = false;
  }

  #begin(): void {
    this.#timer = null;
    this.#looking = this.#look().then((wait) => this.#arm(wait));
  }

  #wake(): void {
    this.#woken = true;
    if (this.#timer === null) return;
    clearTimeout(this.#timer);
    this.#arm(0);
  }

  /** Answers in how many milliseconds to look again. Never rejects. */
  async #look(): Promise<number> {
    const { crons, definitions, log, random, now } = this.#deps;
    try {
      const answer = await crons.read({ names: this.#names });
      const readAt = now();
      const rows = new Map(answer.crons.map((row) => [row.name, row]));
      const known = definitions.flatMap((cron) => {
        const row = rows.get(cron.name);
        return row === undefined ? [] : [{ cron, row }];
      });
      const waits = await Promise.all(known.map(({ cron, row }) => this.#tryTick(cron, row, answer.now)));
      this.#listen();
      await this.#keepSeen(rows, answer.now);
      this.#failures = 0;
      // A timer may fire a moment early; the look then finds nothing due, and sleeps again.
      return Math.max(0, Math.ceil(Math.min(LONGEST_SLEEP_MS, ...waits) - (now() - readAt)));
    } catch (cause) {
      if (this.#failures++ === 0) log.warn("Cannot look after crons; trying on", { cause });
      return Math.min(50 * 2 ** this.#failures, LONGEST_PAUSE_MS) * (0.5 + random());
    }
  }

  /** Makes what is due, and answers for how long, counted from `now`, this cron needs no look. */
  async #tick(cron: CronDefinition, row: CronRow, now: number): Promise<number> {
    const { name, hash, template } = cron;
    this.#awaited.delete(name);
    if (row.hash !== hash || row.pausedAt !== null) return LONGEST_SLEEP_MS;
    const next = this.#nextTick(cron, row.lastTick);
    // Most looks are between two ticks.
    if (now < next && row.pending.length === 0) return next - now + this.#yielding(name);
    const decision = decide(row, cron, now);
    if (row.pending.length > 0) this.#awaited.set(name, row.tickJobId);
    if (decision === null) return LONGEST_SLEEP_MS;
    const { lastTick, pending, skipped, runs } = decision;
    const newest = runs.at(-1);
    const jobs = runs.map((run) => newRun(template, { ...run, triggeredBy: null }));
    const said = { name, hash, turn: row.turn, lastTick, pending, skipped };
    const started = newest === undefined ? null : { jobs, scheduledAt: newest.scheduledAt };
    if (!(await this.#deps.crons.advance({ ...said, runs: started }))) {
      this.#leading.delete(name);
      return MOST_YIELD_MS;
    }
    if (pending.length > 0) this.#awaited.set(name, jobs.at(-1)?.id ?? row.tickJobId);
    else this.#awaited.delete(name);
    void this.#deps.onMade(jobs);
    const following = this.#nextTick(cron, lastTick);
    this.#leading.add(name);
    this.#tellOf(name, decision);
    return following - now;
  }

  /** The same, where one cron's trouble must not hold up the others. */
  async #tryTick(cron: CronDefinition, row: CronRow, now: number): Promise<number> {
    try {
      return await this.#tick(cron, row, now);
    } catch (cause) {
      this.#deps.log.warn("The tick of a cron could not be written; trying on", { cron: cron.name, cause });
      return LONGEST_SLEEP_MS;
    }
  }

  /** Listens while there is something to wait for. What other processes tell of is found by the next look. */
  #listen(): void {
    const isWaiting = this.#awaited.size > 0;
    if (isWaiting === (this.#unsubscribe !== null)) return;
    this.#unsubscribe?.();
    this.#unsubscribe = isWaiting ? this.#deps.changes.subscribe(this.#listener) : null;
  }

  #tellOf(cron: string, { lastTick, pending, skipped, runs }: Decision): void {
    const what =
      skipped.length > 0
        ? "A tick was skipped: the job of the one before it is unfinished"
        : runs.length === 0 && pending.length === 0
          ? "Ticks were missed, and are passed over without catchUp"
          : null;
    if (what !== null) this.#deps.log.info(what, { cron, scheduledTime: new Date(lastTick).toISOString() });
  }

  #nextTick({ name, schedule }: CronDefinition, lastTick: number): number {
    const known = this.#next.get(name);
    if (known?.lastTick === lastTick) return known.tick;
    // Somebody made the one before.
    this.#leading.delete(name);
    const tick = schedule.next(lastTick) ?? Number.POSITIVE_INFINITY;
    this.#next.set(name, { lastTick, tick });
    return tick;
  }

  #yielding(name: string): number {
    if (this.#leading.has(name)) return 0;
    return LEAST_YIELD_MS + this.#deps.random() * (MOST_YIELD_MS - LEAST_YIELD_MS);
  }

  /** Says that this process has its definitions; takes over what nobody has any more, and adds what somebody deleted. */
  async #keepSeen(rows: ReadonlyMap<string, CronRow>, now: number): Promise<void> {
    const { crons, definitions } = this.#deps;
    const stale: CronDefinition[] = [];
    const abandoned: CronDefinition[] = [];
    const missing: CronDefinition[] = [];
    for (const cron of definitions) {
      const row = rows.get(cron.name);
      if (row === undefined) missing.push(cron);
      else if (row.hash !== cron.hash) {
        if (this.#isAbandoned(row)) abandoned.push(cron);
      } else {
        this.#foreign.delete(cron.name);
        if (Math.abs(now - row.seenAt) > SEEN_EVERY_MS) stale.push(cron);
      }
    }
    if (stale.length > 0) await crons.seen({ crons: stale });
    if (missing.length > 0) await crons.register({ crons: missing, takeOver: false });
    if (abandoned.length > 0) await crons.register({ crons: abandoned, takeOver: true });
  }

  /** Measured by this process's own watch: after a machine's sleep every row looks old. */
  #isAbandoned({ name, seenAt }: CronRow): boolean {
    const now = this.#deps.now();
    const before = this.#foreign.get(name);
    if (before?.seenAt === seenAt) return now - before.since > ABANDONED_MS;
    this.#foreign.set(name, { seenAt, since: now });
    return false;
  }
}
