import { LIMITS } from "@forge-jobs/protocol";
import { ForgeError, shown } from "../errors.ts";
import type { JobAborted } from "../outcomes.ts";
import type { ClaimedJob, SavedValue, SavedVerbs } from "../store.ts";
import { serialiseOutput } from "../values.ts";
import { Batches } from "./batches.ts";

const LONGEST_KEY = 200;

/** What the runs of this process save and read, batch by batch. */
export class SavedBatches {
  readonly #writes: Batches<SavedValue & { readonly claimNo: number }, boolean>;
  readonly #reads: Batches<string, readonly SavedValue[]>;

  constructor(verbs: SavedVerbs) {
    this.#writes = new Batches((values) => verbs.write({ values }));
    this.#reads = new Batches<string, readonly SavedValue[]>(async (ids) => {
      const values = Map.groupBy(await verbs.read({ ids }), ({ id }) => id);
      return ids.map((id) => values.get(id) ?? []);
    });
  }

  /** Writes a value; answers whether the run still held its job. */
  write({ id, claimNo }: ClaimedJob, key: string, value: string): Promise<boolean> {
    return this.#writes.add({ id, claimNo, key, value }, value.length);
  }

  read(id: string): Promise<readonly SavedValue[]> {
    return this.#reads.add(id);
  }
}

/** What one run sees of what its job saved, and the way to save more. */
export class SavedState {
  /** The values by key, as JSON brings them back. */
  readonly values: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
  readonly #job: ClaimedJob;
  readonly #batches: SavedBatches;
  readonly #onStale: () => Promise<JobAborted>;
  readonly #bytes = new Map<string, number>();

  /** `onStale` says why the fence refused a value. */
  constructor(job: ClaimedJob, batches: SavedBatches, onStale: () => Promise<JobAborted>) {
    this.#job = job;
    this.#batches = batches;
    this.#onStale = onStale;
  }

  /** Reads what earlier runs saved. A first claim has none before it, so most jobs never ask. */
  async load(): Promise<void> {
    for (const { key, value } of await this.#batches.read(this.#job.id)) {
      this.#bytes.set(key, sizeOf(key, value));
      this.values[key] = JSON.parse(value);
    }
  }

  /** See `JobContext.save`. */
  async save(key: string, value: unknown): Promise<void> {
    const { json } = serialiseOutput(value, `What ${this.#job.type} saves under ${shown(key)}`);
    this.#check(key, json);
    // Before the answer, so that values on their way count for those that follow them.
    this.#bytes.set(key, sizeOf(key, json));
    if (!(await this.#batches.write(this.#job, key, json))) throw await this.#onStale();
    this.values[key] = JSON.parse(json);
  }

  #check(key: string, json: string): void {
    if (
      typeof key !== "string" ||
      key === "" ||
      key.length > LONGEST_KEY ||
      key.includes("\0") ||
      !key.isWellFormed()
    ) {
      throw new ForgeError(
        "BAD_REQUEST",
        `The key of ctx.save must be text of 1 to ${LONGEST_KEY} characters without NUL; got ${shown(key)}.`,
      );
    }
    let bytes = sizeOf(key, json);
    for (const [other, size] of this.#bytes) if (other !== key) bytes += size;
    if (bytes > LIMITS.valueBytes) {
      throw new ForgeError(
        "TOO_LARGE",
        `With ${shown(key)} this job would have saved ${bytes} bytes; at most ${LIMITS.valueBytes} are kept for all its keys. Keep large data elsewhere and save its name.`,
        { details: { bytes, limit: LIMITS.valueBytes } },
      );
    }
  }
}

function sizeOf(key: string, json: string): number {
  return Buffer.byteLength(key) + Buffer.byteLength(json);
}
