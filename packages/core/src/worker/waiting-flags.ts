import { setImmediate as turn, setTimeout as sleep } from "node:timers/promises";
import type { ChildVerbs, ParentRun } from "../store.ts";

const PAUSE_MS = 1_000;

/** Writes behind which runs of this process wait for children; of several changes of one run the last is written. */
export class WaitingFlags {
  readonly #children: Pick<ChildVerbs, "setWaiting">;
  readonly #changed = new Map<string, ParentRun & { readonly isWaiting: boolean }>();
  #writing = false;
  #stopped = false;

  constructor(children: Pick<ChildVerbs, "setWaiting">) {
    this.#children = children;
  }

  set({ id, claimNo }: ParentRun, isWaiting: boolean): void {
    this.#changed.set(`${id} ${claimNo}`, { id, claimNo, isWaiting });
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
