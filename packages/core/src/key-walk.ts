/**
 * How many keys a claim looks at of one type. A key that has no room costs a claim two rows or more, and there may be as many
 * of them as jobs run: beyond this number the next claim goes on where this one stopped.
 */
export const KEYS_AT_ONCE = 500;

/** One way round all keys of a type, over several claims where there are many: from `start` to the last, and from the first to it. */
export interface KeyRound {
  readonly start: string;
  readonly wrapped: boolean;
}

/** Where the next claim of a type with concurrency keys begins. */
export interface KeyWalk {
  /** The key behind which it looks; "" for the first. */
  readonly cursor: string;
  /** The round that is not at its end: there are keys that no claim of it has looked at. */
  readonly round: KeyRound | null;
}

/** How claims walk the keys, by queue and type. It only says where the next one begins; no two processes need agree on it. */
export class KeyWalks {
  readonly #walks = new Map<string, KeyWalk>();

  of(queue: string, type: string): KeyWalk {
    return this.#walks.get(`${queue}\0${type}`) ?? { cursor: "", round: null };
  }

  set(queue: string, type: string, walk: KeyWalk): void {
    this.#walks.set(`${queue}\0${type}`, walk);
  }
}

/** The round that a claim goes on with, or begins. */
export function roundOf({ cursor, round }: KeyWalk): KeyRound {
  return round ?? { start: cursor, wrapped: cursor === "" };
}
