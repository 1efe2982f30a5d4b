import { setImmediate as turn, setTimeout as sleep } from "node:timers/promises";
import type { ChildVerbs, ClaimedJob, WaitingRun } from "../store.ts";

const PAUSE_MS = 1_000;

/** Writes behind which runs of this process wait for children; of several changes of one run the last is written. */
export class WaitingFlags {
  readonly #children: Pick<ChildVerbs, "setWaiting">;
  readonly #changed = new Map<string, WaitingRun>();
  #writing = false;
  #stopped = false;

  constructor(children: Pick<ChildVerbs, "setWaiting">) {
    this.#children = children;
  }

  /** `isLimited`: others may be had of its queue while it waits. */
  set(
    { id, claimNo, queue }: Pick<ClaimedJob, "id" | "claimNo" | "queue">,
    isWaiting: boolean,
    isLimited: boolean,
  ): void {
    const run = { id, claimNo, isWaiting };
    this.#changed.set(`${id} ${claimNo}`, isWaiting && isLimited ? { ...run, frees: queue } : run);
    if (this.#writing) return;
    this.#writing = true;
    void this.#writeAll();
  }

  stop(): void {
    this.#stopped = true;
  }

  async #writeAll(): Promise<void> {
    await turn();
    while (this.#changed.size > 0 && !this.#stopped) {
      const batch = [...this.#changed];
      this.#changed.clear();
      try {
        await this.#children.setWaiting({ runs: batch.map(([, run]) => run) });
      } catch {
        // A row that waits without saying so only keeps its place in the limits of its queue.
        for (const [key, run] of batch) if (!this.#changed.has(key)) this.#changed.set(key, run);
        await sleep(PAUSE_MS, undefined, { ref: false });
      }
    }
    this.#writing = false;
  }
}
