/** One stretch of the claim index: the jobs of one type and priority in a queue, in the order they become due. */
export interface Range {
  readonly type: string;
  readonly priority: number;
}

/** A place in a range: the row with this due time, in microseconds since 1970, and this id. */
export interface Position {
  readonly dueUs: number;
  readonly id: string;
}

/** From where a statement reads its ranges. */
export interface Reach {
  readonly fromStart: boolean;
  readonly position: (range: Range) => Position;
}

/** What a claim took and walked over. */
export interface Walked {
  /** The rows that it took, in their order within each range. */
  readonly taken: readonly (Range & Position)[];
  /** The ranges that it walked to their end. */
  readonly exhausted: readonly Range[];
  /** The database's time at that, in microseconds since 1970; null if it took nothing. */
  readonly nowUs: number | null;
  /** Whether it took as many as it was allowed to. */
  readonly full: boolean;
}

const FIRST_ID = "00000000-0000-0000-0000-000000000000";
const START: Position = { dueUs: -Infinity, id: FIRST_ID };
/** From the first row on, whatever other claims have taken. */
export const FROM_START: Reach = { fromStart: true, position: () => START };

const FULL_RUN_MS = 1_000;
/** Covers what was written before the row that a claim took last, and committed after it. */
const SLACK_US = 200_000;
const LONGEST_REST_MS = 10_000;
/** Walking over dead rows may take a twentieth of the time. */
const REST_PER_WALK = 20;
/** How fast the least time forgets a fast moment. */
const FORGET = 1.02;

/**
 * Where the claims of one queue stopped.
 *
 * A taken row leaves a dead entry in the index; as long as any transaction is open that began before it was taken, the entry
 * stays, and every scan from the start walks over all of them. So after a claim that came back full the next one goes on where
 * that stopped, and starts anew once a second. Claims that come back short read from the start, so that a row that was
 * committed late or became due in the past is never missed. Only where walking from the start proves slow, both rest from it
 * for twenty times as long, at most 10 s: short claims then read from a little before where the last one stopped.
 */
export class ClaimPositions {
  readonly #now: () => number;
  readonly #positions = new Map<string, Position>();
  #wasFull = false;
  #startedAt = -Infinity;
  #restUntil = -Infinity;
  #leastMs = Infinity;
  #leastFullMs = Infinity;
  #fullRunMs = FULL_RUN_MS;

  /** `now` is a monotonic clock in milliseconds. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** From where the next statement reads. */
  next(): Reach {
    const now = this.#now();
    if (this.#wasFull && now - this.#startedAt < this.#fullRunMs) return this.#behind(0);
    return now < this.#restUntil ? this.#behind(SLACK_US) : FROM_START;
  }

  /** From where to look once more after a short answer, or null if that answer stands. */
  afterShort(reach: Reach): Reach | null {
    return reach.fromStart || this.#now() < this.#restUntil ? null : FROM_START;
  }

  /** Takes note of where a claim stopped, and of how long it took. */
  record(reach: Reach, { taken, exhausted, nowUs, full }: Walked, tookMs: number): void {
    for (const { type, priority, dueUs, id } of taken) this.#positions.set(keyOf({ type, priority }), { dueUs, id });
    for (const range of nowUs === null ? [] : exhausted) {
      this.#positions.set(keyOf(range), { dueUs: (nowUs ?? 0) - SLACK_US, id: FIRST_ID });
    }
    this.#wasFull = full;
    if (reach.fromStart) this.#startedAt = this.#now();
    if (full) this.#measureFull(reach, tookMs);
    else this.measure(reach, tookMs);
  }

  /** Takes note of how long a statement took that found little or nothing. */
  measure(reach: Reach, tookMs: number): void {
    this.#leastMs = Math.min(this.#leastMs * FORGET, tookMs);
    if (!reach.fromStart) return;
    const walkedMs = tookMs - this.#leastMs;
    this.#restUntil = this.#now() + Math.min(walkedMs * REST_PER_WALK, LONGEST_REST_MS);
  }

  /** The same of a claim that took as many as it was allowed to, which takes its time wherever it begins. */
  #measureFull(reach: Reach, tookMs: number): void {
    if (reach.fromStart) {
      const walkedMs = this.#leastFullMs === Infinity ? 0 : tookMs - this.#leastFullMs;
      this.#fullRunMs = Math.min(Math.max(FULL_RUN_MS, walkedMs * REST_PER_WALK), LONGEST_REST_MS);
    } else this.#leastFullMs = Math.min(this.#leastFullMs * FORGET, tookMs);
  }

  #behind(slackUs: number): Reach {
    return {
      fromStart: false,
      position: (range) => {
        const last = this.#positions.get(keyOf(range));
        if (last === undefined || slackUs === 0) return last ?? START;
        return { dueUs: last.dueUs - slackUs, id: FIRST_ID };
      },
    };
  }
}

function keyOf({ type, priority }: Range): string {
  return `${priority}${type}`;
}
