import { setImmediate as turn, setTimeout as sleep } from "node:timers/promises";
import type { Ticker } from "../cron/ticker.ts";
import { ForgeError } from "../errors.ts";
import type { Crons } from "../cron/crons.ts";
import type { StoreClock, WaitingLane } from "../store.ts";
import type { WatchedStore } from "./watched-store.ts";

/** How `TestForge.drain` goes on. */
export interface DrainOptions {
  /** `false`: the clock stands still, and only what is due now runs. Default `true`. */
  jump?: boolean;
}

/** What a clockwork is made of. */
export interface ClockworkDeps {
  readonly watched: WatchedStore;
  readonly clock: StoreClock;
  readonly ticker: Ticker;
  /** Null where there are none to look after. */
  readonly crons: Crons | null;
}

/** What a row is while a worker has it. */
const HELD = ["claimed", "running", "cancel_requested"] as const;
/** A loop that sleeps again and again has no end of its own. */
const MOST_JUMPS = 1_000;
/** So often a look follows the one before at once; after that somebody does real work, and pauses save it the processor. */
const EAGER_LOOKS = 50;
const PAUSE_MS = 5;
/** A parent whose children have ended goes on within this time. */
const PARENTS_MS = 20;

/**
 * Moves the clock of an engine's store, from one instant at which something is due to the next.
 *
 * What is due and what runs is read from the tables, as an operator reads it; nothing here knows how jobs and runs work.
 */
export class Clockwork {
  readonly #deps: ClockworkDeps;

  constructor(deps: ClockworkDeps) {
    this.#deps = deps;
  }

  /** The store's time, in milliseconds since 1970. */
  get now(): number {
    return Date.now() + this.#deps.clock.offsetMs;
  }

  /** Runs until nothing runs and nothing will be due. Ticks of crons happen on the way, and are no reason to go on. */
  async toEnd(): Promise<void> {
    for (let jumps = 0; ;) {
      const lanes = await this.quiet();
      if (lanes.length === 0) return;
      const due = this.#firstDue(lanes);
      const tick = await this.#nextTick();
      if (due < tick && ++jumps > MOST_JUMPS) throw endless(lanes);
      await this.#moveTo(Math.min(due, tick));
    }
  }

  /** Runs what is due until an instant, each thing at its time; the clock says that instant then. */
  async to(end: number): Promise<void> {
    for (;;) {
      const lanes = await this.quiet();
      const next = Math.min(this.#firstDue(lanes), await this.#nextTick());
      if (next > end) break;
      await this.#moveTo(next);
    }
    await this.#moveTo(end);
    await this.quiet();
  }

  /** Resolves once nothing runs and nothing is due, with what will be. */
  async quiet(): Promise<readonly WaitingLane[]> {
    let seenWaiting = false;
    for (let looks = 0; ; looks++) {
      const { running, lanes } = await this.#look();
      const isDue = lanes.some(({ dueForMs }) => dueForMs >= 0);
      if (!isDue && running === "none") return lanes;
      if (!isDue && running === "parents") {
        if (seenWaiting) return lanes;
        seenWaiting = true;
        await sleep(PARENTS_MS);
        continue;
      }
      seenWaiting = false;
      await (looks < EAGER_LOOKS ? turn() : sleep(PAUSE_MS));
    }
  }

  /** What runs, and what of this engine's waits for its time. What runs is read first: what it leaves behind is then seen. */
  async #look(): Promise<{ running: "none" | "parents" | "handlers"; lanes: WaitingLane[] }> {
    const { store, waiting, claims, isClaiming } = this.#deps.watched;
    const before = claims();
    const running = await this.#runsUnderWay();
    for (const status of HELD) {
      for (const { id } of await store.jobs.list({ status, limit: 1_000 })) running.push(id);
    }
    const [lanes, workers, settings] = await Promise.all([
      store.queues.lanes(),
      store.workers.list(),
      store.queues.settings(),
    ]);
    const closed = new Set(settings.flatMap(({ name, pausedAt }) => (pausedAt === null ? [] : [name])));
    const served = lanes.filter(
      ({ queue, type }) =>
        !closed.has(queue) &&
        workers.some(
          ({ draining, serves }) =>
            !draining && serves !== null && queue in serves.queues && serves.types.includes(type),
        ),
    );
    // The reads are several: what was taken between them stands in none.
    if (claims() !== before || isClaiming()) return { running: "handlers", lanes: served };
    const onlyParents = running.every((id) => waiting.has(id));
    return { running: running.length === 0 ? "none" : onlyParents ? "parents" : "handlers", lanes: served };
  }

  /** The runs of workflows that a worker has at this moment. */
  async #runsUnderWay(): Promise<string[]> {
    const { store } = this.#deps.watched;
    const ids: string[] = [];
    for (const status of ["running", "compensating"] as const) {
      for (const { id } of await store.workflows.list({ status, unserved: [], limit: 1_000 })) ids.push(id);
    }
    const states = ids.length === 0 ? [] : await store.jobs.states({ ids });
    return states.flatMap(({ id, status }) => (HELD.some((held) => held === status) ? id : []));
  }

  #firstDue(lanes: readonly WaitingLane[]): number {
    return this.now + Math.min(...lanes.map(({ dueForMs }) => -dueForMs));
  }

  async #nextTick(): Promise<number> {
    const crons = (await this.#deps.crons?.list()) ?? [];
    return Math.min(...crons.map(({ nextRun }) => nextRun?.getTime() ?? Infinity));
  }

  async #moveTo(instant: number): Promise<void> {
    const { clock, watched, ticker } = this.#deps;
    clock.offsetMs += Math.max(0, Math.ceil(instant - this.now));
    await ticker.lookNow();
    watched.lookAgain();
  }
}

function endless(lanes: readonly WaitingLane[]): ForgeError {
  const types = [...new Set(lanes.map(({ type }) => type))].join(", ");
  return new ForgeError(
    "CONFLICT",
    `drain() has moved the clock ${MOST_JUMPS} times, and there is still something to wait for: ${types}. For what never ends, use advance(duration).`,
  );
}
