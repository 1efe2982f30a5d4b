import type { Logger } from "../logger.ts";
import { RETENTION } from "../retention.ts";
import type { EndedStatus, SweepVerbs } from "../store.ts";

const HOUR_MS = 60 * 60_000;
const DAY_MS = 24 * HOUR_MS;

/** Rows that one step looks at: a transaction of some ten milliseconds. */
const STEP = 250;

/** How far a clock may run ahead of another, and how long nothing is deleted after it was seen to jump further. */
const JUMP_MS = HOUR_MS;

/** How long a walk goes on where the one before stopped. */
const WALK_MS = HOUR_MS;

const KEPT_MS: Readonly<Record<EndedStatus, number>> = {
  completed: RETENTION.endedMs,
  cancelled: RETENTION.endedMs,
  failed: RETENTION.failedMs,
  dead_letter: RETENTION.failedMs,
};

/** What retention works with. */
export interface RetentionDeps {
  readonly sweeps: Pick<SweepVerbs, "retain" | "expired" | "deletionNotes">;
  readonly log: Logger;
  /** A monotonic clock in milliseconds. */
  readonly now: () => number;
  /** This host's clock, in milliseconds since 1970. */
  readonly hostNow: () => number;
  /** Whether to go on: the process does not stop, and still sweeps for all. Asked before every step. */
  readonly goesOn: () => Promise<boolean>;
}

/**
 * Deletes the rows of jobs that ended long enough ago.
 *
 * A walk goes through the rows of a status in the order of their jobs' ids, which is that of their dispatch, up to those that
 * are too young to be old enough. It goes on where the one before stopped, and once an hour from the beginning, for jobs that
 * ended long after they were dispatched.
 *
 * Distrustful, for an hour after the store's clock was seen to run ahead of this process's, or of this host's at its start, by
 * more than an hour: it deletes nothing, so that somebody can set the clock right before all rows look old.
 */
export class Retention {
  readonly #deps: RetentionDeps;
  readonly #reached = new Map<EndedStatus, string>();
  #walkingSince = -Infinity;
  #seen: { readonly storeMs: number; readonly at: number } | null = null;
  #trustsFrom = -Infinity;

  constructor(deps: RetentionDeps) {
    this.#deps = deps;
  }

  /** One sweep, at this instant of the store's clock. */
  async sweep(storeMs: number): Promise<void> {
    const { sweeps, now } = this.#deps;
    if (!this.#trusts(storeMs)) return;
    await this.#all(() => sweeps.expired({ limit: STEP }));
    if (now() - this.#walkingSince >= WALK_MS) {
      this.#reached.clear();
      this.#walkingSince = now();
    }
    for (const status of Object.keys(KEPT_MS) as EndedStatus[]) await this.#walk(status, storeMs);
    await this.#all(() => sweeps.deletionNotes({ olderThanMs: RETENTION.failedMs, limit: STEP }));
  }

  #trusts(storeMs: number): boolean {
    const { now, hostNow, log } = this.#deps;
    const at = now();
    const expected = this.#seen === null ? hostNow() : this.#seen.storeMs + at - this.#seen.at;
    this.#seen = { storeMs, at };
    if (storeMs - expected > JUMP_MS) {
      this.#trustsFrom = at + JUMP_MS;
      log.warn("The database's clock has run ahead; for an hour no old jobs are deleted", {
        aheadMs: Math.round(storeMs - expected),
      });
    }
    return at >= this.#trustsFrom;
  }

  async #walk(status: EndedStatus, storeMs: number): Promise<void> {
    const olderThanMs = KEPT_MS[status];
    // Ids tell the time of the host that dispatched the job; a day covers what its clock was ahead.
    const upTo = idAt(storeMs - olderThanMs + DAY_MS);
    let after = this.#reached.get(status) ?? null;
    while (await this.#deps.goesOn()) {
      const step = { status, olderThanMs, upTo, limit: STEP, ...(after !== null && { after }) };
      const { reached } = await this.#deps.sweeps.retain(step);
      if (reached === null) return;
      after = reached;
      this.#reached.set(status, reached);
    }
  }

  async #all(step: () => Promise<number>): Promise<void> {
    while ((await this.#deps.goesOn()) && (await step()) === STEP);
  }
}

/** The greatest id of a job that was dispatched at that instant. */
function idAt(ms: number): string {
  const time = Math.max(0, Math.floor(ms)).toString(16).padStart(12, "0").slice(-12);
  return `${time.slice(0, 8)}-${time.slice(8)}-ffff-ffff-ffffffffffff`;
}
