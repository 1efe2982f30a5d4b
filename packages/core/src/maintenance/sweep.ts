import type { Logger } from "../logger.ts";
import { RETENTION } from "../retention.ts";
import type { SweepVerbs } from "../store.ts";
import { Retention } from "./retain.ts";

const BATCH = 1_000;

const LEASE = "sweeps";

/** What sweeping works with. */
export interface SweeperDeps {
  readonly sweeps: SweepVerbs;
  /** Names this process among those that could sweep. */
  readonly holder: string;
  readonly leaseMs: number;
  readonly log: Logger;
  /** A monotonic clock in milliseconds. */
  readonly now: () => number;
  /** This host's clock, in milliseconds since 1970. */
  readonly hostNow: () => number;
  readonly isStopping: () => boolean;
}

/**
 * Moves what has been failed for long enough to `dead_letter`, forgets keys that have run out and places of rate limits that
 * nobody took, and deletes the rows of jobs that ended long ago. Every statement of it is right whoever else does the same;
 * a lease only spares all processes but one the work.
 *
 * Leading: from the call that got the lease, renewed at a third of it while a sweep goes on, until `resign` or until another
 * process took it.
 */
export class Sweeper {
  readonly #deps: SweeperDeps;
  readonly #retention: Retention;
  #renewedAt = -Infinity;

  constructor(deps: SweeperDeps) {
    this.#deps = deps;
    const { sweeps, log, now, hostNow } = deps;
    this.#retention = new Retention({ sweeps, log, now, hostNow, goesOn: () => this.#goesOn() });
  }

  /** One sweep, if this process leads. */
  async sweep(): Promise<void> {
    const { sweeps } = this.#deps;
    const { leads, nowMs } = await this.#lead();
    if (!leads) return;
    await this.#all(() => sweeps.deadLetter({ afterMs: RETENTION.deadMs, limit: BATCH }));
    await this.#all(() => sweeps.expiredKeys({ limit: BATCH }));
    await this.#all(() => sweeps.ratePlaces({ limit: BATCH }));
    await this.#retention.sweep(nowMs);
  }

  /** Lets another process lead at once. */
  async resign(): Promise<void> {
    if (this.#renewedAt === -Infinity) return;
    await this.#deps.sweeps.resign({ name: LEASE, holder: this.#deps.holder });
  }

  async #lead(): Promise<{ leads: boolean; nowMs: number }> {
    const { sweeps, holder, leaseMs, now } = this.#deps;
    const at = now();
    const answer = await sweeps.lead({ name: LEASE, holder, leaseMs });
    this.#renewedAt = answer.leads ? at : -Infinity;
    return answer;
  }

  async #goesOn(): Promise<boolean> {
    const { isStopping, leaseMs, now } = this.#deps;
    if (isStopping()) return false;
    return now() - this.#renewedAt < leaseMs / 3 || (await this.#lead()).leads;
  }

  async #all(batch: () => Promise<number>): Promise<void> {
    while ((await this.#goesOn()) && (await batch()) === BATCH);
  }
}
