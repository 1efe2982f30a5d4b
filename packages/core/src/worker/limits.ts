import type { JobDefinition } from "../define.ts";
import type { ClaimedJob, ClaimLimits, KeyedType, QueueSettings } from "../store.ts";

const LOOK_EVERYWHERE_MS = 1_000;

/**
 * Which limits the jobs of this worker are under, queue by queue.
 *
 * A type with concurrency keys is looked for in the queue of its definition, and in others where one of its jobs was met. As
 * a dispatch or a route may send it anywhere, every queue is looked through for it once a second: each claim would be a
 * second look at the database, for what is hardly ever there.
 */
export class Limits {
  readonly #keyed: readonly (KeyedType & { readonly queue: string })[];
  readonly #settings: (queue: string) => QueueSettings | undefined;
  readonly #now: () => number;
  readonly #met = new Set<string>();
  readonly #lookedAt = new Map<string, number>();
  readonly #globals = new Map<string, number | null>();

  constructor(
    definitions: readonly JobDefinition[],
    settings: (queue: string) => QueueSettings | undefined,
    now: () => number,
  ) {
    this.#keyed = definitions.flatMap(({ name, queue, concurrency }) =>
      concurrency === null ? [] : [{ type: name, queue, perKey: concurrency.perKey }],
    );
    this.#settings = settings;
    this.#now = now;
  }

  /** What claims of the queue have to heed, as far as is known; undefined for nothing. */
  of(queue: string): ClaimLimits | undefined {
    return this.#limits(
      queue,
      this.#keyed.filter((type) => type.queue === queue || this.#met.has(`${queue}\0${type.type}`)),
    );
  }

  /** The same for a claim that is about to be made, which now and then looks for all types with keys. */
  ofClaim(queue: string): ClaimLimits | undefined {
    const now = this.#now();
    if (this.#keyed.length === 0 || now - (this.#lookedAt.get(queue) ?? -Infinity) < LOOK_EVERYWHERE_MS)
      return this.of(queue);
    this.#lookedAt.set(queue, now);
    return this.#limits(queue, this.#keyed);
  }

  /** Takes note of where a job was met. */
  meet({ type, queue, isLimited }: ClaimedJob): void {
    if (isLimited === true) this.#met.add(`${queue}\0${type}`);
  }

  /** Whether the queue's limit across processes is another than when this was last asked. */
  moved(queue: string): boolean {
    const before = this.#globals.get(queue) ?? null;
    const now = this.#settings(queue)?.globalConcurrency ?? null;
    this.#globals.set(queue, now);
    return before !== now;
  }

  /** Whether the end of this job makes room for others. */
  counts({ queue, isLimited }: ClaimedJob): boolean {
    return isLimited === true || this.#isGlobal(queue);
  }

  #isGlobal(queue: string): boolean {
    return (this.#settings(queue)?.globalConcurrency ?? null) !== null;
  }

  #limits(queue: string, keyed: readonly KeyedType[]): ClaimLimits | undefined {
    const global = this.#isGlobal(queue);
    if (!global && keyed.length === 0) return undefined;
    return { global, keyed: keyed.map(({ type, perKey }) => ({ type, perKey })) };
  }
}
