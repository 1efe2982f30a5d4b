import type { JobVerbs } from "../store.ts";
import type { Offer, Room } from "./room.ts";

/** What one claim asks for. */
export interface ClaimPlan {
  readonly types: readonly string[];
  readonly limit: number;
  /** The room that is set aside for what it may bring; null where nothing of it needs any. */
  readonly offer: Offer | null;
}

const LOOK_EVERY_MS = 1_000;

/**
 * Plans the claims of a queue of which some types use resources, others not.
 *
 * A claim for both takes no more jobs than fit if all of them used resources, which may be few. So it takes turns with one
 * for the others alone, that fills the slots: urgent jobs of both kinds come first within two claims, and neither kind
 * waits for the other.
 */
export class ClaimPlans {
  readonly #room: Room;
  readonly #jobs: Pick<JobVerbs, "nextDue">;
  readonly #now: () => number;
  readonly #queue: string;
  readonly #plain: readonly string[];
  readonly #users: readonly string[];
  #plainNext = false;
  #lookedAt = -Infinity;

  constructor(
    { room, jobs, now }: { room: Room; jobs: Pick<JobVerbs, "nextDue">; now: () => number },
    queue: string,
    types: readonly string[],
  ) {
    this.#room = room;
    this.#jobs = jobs;
    this.#now = now;
    this.#queue = queue;
    this.#plain = types.filter((type) => !room.isUsedBy(type));
    this.#users = types.filter((type) => room.isUsedBy(type));
  }

  /** Sees, once a second, whether jobs that do not fit are due; `free` tells whether one of them could start if it did. */
  async look(free: number): Promise<void> {
    if (free <= 0 || this.#now() - this.#lookedAt < LOOK_EVERY_MS) return;
    this.#lookedAt = this.#now();
    for (const type of this.#room.unfitting(this.#queue, this.#users)) {
      const dueInMs = await this.#jobs.nextDue({ queue: this.#queue, types: [type] });
      this.#room.note(this.#queue, type, dueInMs !== null && dueInMs <= 0);
    }
  }

  /** Plans a claim for so many free slots, `most` jobs with those that wait for a slot. It ends with `done`. */
  next(free: number, most: number): ClaimPlan {
    const skips = this.#plainNext && this.#plain.length > 0;
    this.#plainNext = false;
    // What uses resources waits for no slot: it would keep others from using them.
    const offer = skips ? null : this.#room.offer(this.#queue, this.#users, Math.min(free, most));
    if (offer === null) return { types: this.#plain, limit: most, offer };
    return { types: offer.alone ? offer.types : [...this.#plain, ...offer.types], limit: offer.limit, offer };
  }

  /** Ends a claim that brought so many jobs; answers whether another one now may bring more. */
  done({ limit, offer }: ClaimPlan, taken: number, free: number): boolean {
    offer?.end();
    if (taken >= limit) {
      this.#plainNext = offer !== null;
      return true;
    }
    // A claim for some types only says nothing of the others.
    if (offer !== null) return offer.alone;
    return free > 0 && this.claimable().length > this.#plain.length;
  }

  /** The types of which a job could be claimed now. */
  claimable(): string[] {
    return [...this.#plain, ...this.#room.fitting(this.#queue, this.#users)];
  }
}
