import type { ChangeHint, JobVerbs } from "../store.ts";

const PAUSE_MS = 20;

/**
 * Learns of cancellations that other processes asked for, sooner than the next beat of the lease would tell.
 *
 * What they ask of jobs that run here leads to one read of their states, at most every 20 ms.
 */
export class CancelWatch {
  readonly #jobs: Pick<JobVerbs, "states">;
  readonly #running: () => Iterable<string>;
  readonly #onCancel: (id: string) => void;
  readonly #asked = new Set<string>();
  #timer: NodeJS.Timeout | undefined;
  #reading = false;

  constructor(jobs: Pick<JobVerbs, "states">, running: () => Iterable<string>, onCancel: (id: string) => void) {
    this.#jobs = jobs;
    this.#running = running;
    this.#onCancel = onCancel;
  }

  onCancelRequests(hints: readonly ChangeHint[] | "any"): void {
    const named = hints === "any" ? null : new Set(hints.map(({ id }) => id));
    for (const id of this.#running()) if (named === null || named.has(id)) this.#asked.add(id);
    this.#schedule();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#asked.clear();
  }

  #schedule(): void {
    if (this.#timer !== undefined || this.#reading || this.#asked.size === 0) return;
    this.#timer = setTimeout(() => void this.#read(), PAUSE_MS);
  }

  async #read(): Promise<void> {
    this.#timer = undefined;
    this.#reading = true;
    const ids = [...this.#asked];
    this.#asked.clear();
    try {
      for (const { id, status } of await this.#jobs.states({ ids }))
        if (status === "cancel_requested") this.#onCancel(id);
    } catch {
      // The next beat reads the flags again.
    }
    this.#reading = false;
    this.#schedule();
  }
}
