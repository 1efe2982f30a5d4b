import type { AbortCode } from "../outcomes.ts";
import type { ClaimedJob, HeldRow } from "../store.ts";
import type { Run } from "./run.ts";

/** A job that this process claimed and has not yet let go; `run` is null while it waits for a slot. */
interface Holding {
  readonly job: ClaimedJob;
  run: Run | null;
}

/** The name of one claim. */
type Claim = Pick<ClaimedJob, "id" | "claimNo">;

/** What the table shows and memory does not, or the other way round. */
export interface HoldingsEvents {
  /** A job that waited for a slot is no longer this process's. */
  onGone(job: ClaimedJob): void;
  /** A row that nobody here knows of for a whole beat: the answer of its claim was lost. */
  onStray(claim: Claim): void;
  /** Somebody asked for the job to be cancelled. */
  onCancelRequested(id: string): void;
}

/** The jobs that this process holds, waiting for a slot or running, and their comparison with the table. */
export class Holdings {
  readonly #held = new Map<string, Holding>();
  readonly #events: HoldingsEvents;
  #strays = new Map<string, number>();

  constructor(events: HoldingsEvents) {
    this.#events = events;
  }

  /** The handlers that are under way, or whose outcome is. */
  get runs(): Run[] {
    return [...this.#held.values()].flatMap(({ run }) => run ?? []);
  }

  /** The jobs that wait for a slot. */
  get waiting(): ClaimedJob[] {
    return [...this.#held.values()].flatMap(({ job, run }) => (run === null ? job : []));
  }

  /** The job of this id, if it is held. */
  find(id: string): Readonly<Holding> | undefined {
    return this.#held.get(id);
  }

  /** Notes a claimed job that waits for a slot. */
  add(job: ClaimedJob): void {
    this.#held.set(job.id, { job, run: null });
  }

  /** Notes that the job has begun. */
  begin(job: ClaimedJob, run: Run): void {
    this.#held.set(job.id, { job, run });
  }

  letGo({ id, claimNo }: Claim): void {
    // A later claim of the same job may already stand here.
    if (this.#held.get(id)?.job.claimNo === claimNo) this.#held.delete(id);
  }

  abortAll(code: AbortCode): void {
    for (const { run } of this.#held.values()) run?.abort(code);
  }

  /** What the table shows as this worker's means nothing any more. */
  forgetStrays(): void {
    this.#strays.clear();
  }

  *runningIds(): Iterable<string> {
    for (const [id, { run }] of this.#held) if (run !== null && !run.settled) yield id;
  }

  /** What the table must show as this worker's; an outcome under way may have taken its row already. */
  claims(): Map<string, number> {
    const claims = new Map<string, number>();
    for (const [id, { job, run }] of this.#held) if (run?.settled !== true) claims.set(id, job.claimNo);
    return claims;
  }

  /**
   * Compares the table with memory. Rows marked as this worker's that memory has not known for a whole beat are those of
   * a claim whose answer was lost: they go back. What memory holds and the table does not belongs to somebody else now.
   */
  reconcile(rows: readonly HeldRow[], heldBefore: ReadonlyMap<string, number>): void {
    const inTable = new Map(rows.map((row) => [row.id, row]));
    for (const [id, claimNo] of heldBefore) {
      const holding = this.#held.get(id);
      if (holding?.job.claimNo !== claimNo || inTable.get(id)?.claimNo === claimNo) continue;
      if (holding.run === null) this.#events.onGone(holding.job);
      else if (!holding.run.settled) holding.run.lost();
    }
    const strays = new Map<string, number>();
    for (const { id, claimNo, cancelRequested } of rows) {
      const known = this.#held.get(id)?.job.claimNo === claimNo;
      if (known && cancelRequested) this.#events.onCancelRequested(id);
      if (known) continue;
      if (this.#strays.get(id) === claimNo) this.#events.onStray({ id, claimNo });
      else strays.set(id, claimNo);
    }
    this.#strays = strays;
  }
}
