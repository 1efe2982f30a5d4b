import { isSettledJobStatus } from "@forge-jobs/protocol";
import type { ChildProgress } from "../store.ts";
import type { ChildWatch } from "./child-watch.ts";

/** Makes a parent's progress the mean of its children's; one that has settled counts as done, however it ended. */
export class ChildTracker {
  readonly #watch: ChildWatch;
  readonly #onProgress: (percent: number) => void;
  readonly #percents = new Map<string, number>();
  readonly #endings = new Map<string, () => void>();
  #sum = 0;
  #last = -1;
  #scheduled = false;
  #closed = false;

  constructor(watch: ChildWatch, onProgress: (percent: number) => void) {
    this.#watch = watch;
    this.#onProgress = onProgress;
  }

  add(id: string): void {
    if (this.#percents.has(id) || this.#closed) return;
    this.#percents.set(id, 0);
    this.#endings.set(
      id,
      this.#watch.watch(id, (progress) => this.#note(id, progress)),
    );
  }

  close(): void {
    this.#closed = true;
    for (const end of this.#endings.values()) end();
    this.#endings.clear();
  }

  #note(id: string, progress: ChildProgress | null): void {
    const isDone = progress === null || isSettledJobStatus(progress.status);
    if (isDone) this.#endings.get(id)?.();
    const percent = isDone ? 100 : (progress.progress ?? 0);
    this.#sum += percent - (this.#percents.get(id) ?? 0);
    this.#percents.set(id, percent);
    if (this.#scheduled) return;
    // What one read brings is said once.
    this.#scheduled = true;
    queueMicrotask(() => this.#say());
  }

  #say(): void {
    this.#scheduled = false;
    const percent = Math.min(Math.max(this.#sum / this.#percents.size, 0), 100);
    if (percent === this.#last || this.#closed) return;
    this.#last = percent;
    this.#onProgress(percent);
  }
}
