import { isSettledJobStatus } from "@forge-jobs/protocol";
import type { ChildProgress } from "../store.ts";
import type { ChildWatch } from "./child-watch.ts";

/** One wait of a run: over when all of its jobs have completed, or the first has ended without. */
export class ChildWait {
  /** Resolves when it is over; rejects with the signal's reason. */
  readonly over: Promise<void>;
  /** The jobs that ended without success, or are not there. */
  readonly failed: Set<string> = new Set();
  readonly #unstarted: Set<string>;
  readonly #open: Set<string>;
  readonly #unread: Set<string>;
  readonly #read = Promise.withResolvers<void>();
  readonly #end = Promise.withResolvers<void>();
  readonly #endings: (() => void)[] = [];
  #isOver = false;

  constructor(watch: ChildWatch, ids: readonly string[], signal: AbortSignal) {
    this.#open = new Set(ids);
    this.#unread = new Set(ids);
    this.#unstarted = new Set(ids);
    this.over = this.#end.promise;
    // It may be over before anybody awaits it.
    this.over.catch(() => {});
    const onAbort = (): void => this.#finish(() => this.#end.reject(signal.reason));
    signal.addEventListener("abort", onAbort, { once: true });
    this.#endings.push(() => signal.removeEventListener("abort", onAbort));
    for (const id of ids) this.#endings.push(watch.watch(id, (progress) => this.#onProgress(id, progress)));
    if (signal.aborted) onAbort();
    else if (ids.length === 0) this.#finish(() => this.#end.resolve());
  }

  /** Resolves once every job was looked at, with whether there is nothing left to wait for. */
  async isOverAtOnce(): Promise<boolean> {
    await Promise.race([this.#read.promise, this.over]);
    if (!this.#isOver && this.failed.size === 0) return false;
    await this.over;
    return true;
  }

  /** The jobs that no worker has begun, as far as is known. */
  unstarted(): Iterable<string> {
    return this.#unstarted;
  }

  /** Watches nothing any more. */
  close(): void {
    for (const end of this.#endings.splice(0)) end();
  }

  #onProgress(id: string, progress: ChildProgress | null): void {
    const status = progress?.status;
    if (status === "pending" || status === "retry") this.#unstarted.add(id);
    else this.#unstarted.delete(id);
    this.#unread.delete(id);
    if (status === undefined || isSettledJobStatus(status)) this.#open.delete(id);
    if (status === undefined || (isSettledJobStatus(status) && status !== "completed")) this.failed.add(id);
    if (this.#unread.size === 0) this.#read.resolve();
    // Those that are read with it may have failed too: the rejection names them all.
    if (this.failed.size > 0) setImmediate(() => this.#finish(() => this.#end.resolve()));
    else if (this.#open.size === 0) this.#finish(() => this.#end.resolve());
  }

  #finish(settle: () => void): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.close();
    settle();
  }
}
