import { KEYS_AT_ONCE, type KeyRound, KeyWalks, roundOf } from "../key-walk.ts";
import type { ClaimLimits, KeyedType } from "../store.ts";
import type { Bound, ClaimedRow, ClaimTake } from "./claim-statements.ts";
import type { Database } from "./database.ts";
import { KeyedStatements, type KeyRange, type RangeEnd, type WaitingRow } from "./keyed-statements.ts";
import type { Row } from "./session.ts";

/** Runs a statement on its own, or in a transaction. */
export type Run = <R extends Row>(bound: Bound) => Promise<R[]>;

/** What waits of types whose jobs have concurrency keys. */
export interface KeyedWaiting {
  readonly parked: readonly KeyedType[];
  /** Types of which jobs have become due that are not parked yet. */
  readonly due: readonly KeyedType[];
}

/** Takes jobs with concurrency keys, key by key: every claim goes on behind the key with which the last one of its type ended. */
export class KeyedClaim {
  readonly #database: Database;
  readonly #statements: KeyedStatements;
  readonly #walks = new KeyWalks();
  readonly #turns = new Map<string, number>();

  constructor(database: Database) {
    this.#database = database;
    this.#statements = new KeyedStatements(database.tables);
  }

  async waiting(run: Run, queue: string, { keyed }: ClaimLimits): Promise<KeyedWaiting> {
    if (keyed.length === 0) return { parked: [], due: [] };
    const types = keyed.map(({ type }) => type);
    const cursors = types.map((type) => this.#walks.of(queue, type).cursor);
    const rows = await run<WaitingRow>(this.#statements.waiting(queue, types, this.#database.offsetMs, cursors));
    const those = (isThat: (row: WaitingRow) => boolean): KeyedType[] =>
      rows.filter(isThat).flatMap(([n]) => keyed[n - 1] ?? []);
    return { parked: those(([, isParked]) => isParked), due: those(([, , isDue]) => isDue) };
  }

  /** Takes what may be taken. Runs where nobody else takes jobs of the queue, so that no two count the same room of a key. */
  async take(run: Run, queue: string, { parked, due }: KeyedWaiting, take: ClaimTake): Promise<ClaimedRow[]> {
    const dueTypes = due.map(({ type }) => type);
    if (due.length > 0) await run(this.#statements.park(queue, dueTypes, this.#database.offsetMs));
    const types = [...new Set([...parked, ...due])];
    const turn = this.#turns.get(queue) ?? 0;
    this.#turns.set(queue, turn + 1);
    const first = turn % Math.max(types.length, 1);
    const taken: ClaimedRow[] = [];
    for (const type of [...types.slice(first), ...types.slice(0, first)]) {
      const limit = take.limit - taken.length;
      if (limit <= 0) break;
      taken.push(...(await this.#takeType(run, queue, type, { ...take, limit })));
    }
    return taken;
  }

  /** Whether one of the parked jobs could be taken now, or there are keys that the claims have not looked at yet. */
  async hasRoom(run: Run, queue: string, parked: readonly KeyedType[]): Promise<boolean> {
    for (const type of parked) {
      if (this.#walks.of(queue, type.type).round !== null) return true;
      const range = { ...type, queue, after: "", upTo: null, keys: KEYS_AT_ONCE };
      const found = await run(this.#statements.isFree(range));
      if (found.length > 0) return true;
    }
    return false;
  }

  async #takeType(run: Run, queue: string, type: KeyedType, take: ClaimTake): Promise<ClaimedRow[]> {
    const walk = this.#walks.of(queue, type.type);
    const { start, wrapped } = roundOf(walk);
    const rows: ClaimedRow[] = [];
    let keys = KEYS_AT_ONCE;
    let after = walk.cursor;
    const go = (cursor: string, round: KeyRound | null): ClaimedRow[] => {
      this.#walks.set(queue, type.type, { cursor, round });
      return rows;
    };
    for (let isLast = wrapped; ; isLast = true) {
      const range = { ...type, queue, after, upTo: isLast && start !== "" ? start : null, keys };
      const taken = await this.#takeRange(run, range, { ...take, limit: take.limit - rows.length });
      rows.push(...taken);
      const lastTaken = taken.length > 0 ? keyOf(taken.at(-1)!) : "";
      if (rows.length >= take.limit) return go(lastTaken, null);
      // Keys of which all was taken are no longer there to be counted.
      keys -= new Set(taken.map(keyOf)).size;
      if (keys <= 0) return go(lastTaken, { start, wrapped: isLast });
      const [[last, seen] = ["", 0]] = await run<RangeEnd>(this.#statements.end({ ...range, keys }));
      keys -= seen;
      if (keys <= 0) return go(byBytes(last, lastTaken) < 0 ? lastTaken : last, { start, wrapped: isLast });
      if (isLast) return go(rows.length > 0 ? keyOf(rows.at(-1)!) : walk.cursor, null);
      after = "";
    }
  }

  async #takeRange(run: Run, range: KeyRange, take: ClaimTake): Promise<ClaimedRow[]> {
    const rows = await run<ClaimedRow>(this.#statements.take(range, take, this.#database.offsetMs));
    // An UPDATE answers in no order: this is the one in which the keys were visited.
    return rows.toSorted(
      (a, b) => byBytes(keyOf(a), keyOf(b)) || a[2] - b[2] || a[11] - b[11] || (a[0] < b[0] ? -1 : 1),
    );
  }
}

function keyOf(row: ClaimedRow): string {
  return row[14] ?? "";
}

/** As the database sorts keys. */
function byBytes(a: string, b: string): number {
  return a === b ? 0 : Buffer.compare(Buffer.from(a), Buffer.from(b));
}
