import type { Logger } from "../logger.ts";
import type { ClaimedJob } from "../store.ts";
import type { Run } from "./run.ts";
import type { SlotLane } from "./slot-loan.ts";

/** The runs of jobs that may end their process: beside the slots, one at a time, so that it is known which one did. */
export class Suspects implements SlotLane {
  readonly #start: (job: ClaimedJob) => Run;
  readonly #log: Logger;
  #waiting: ClaimedJob[] = [];
  readonly #runs = new Set<object>();
  readonly #returning = new Map<object, () => void>();
  #current: object | null = null;

  constructor(start: (job: ClaimedJob) => Run, log: Logger) {
    this.#start = start;
    this.#log = log;
  }

  /** Takes a job in, and starts it when no other suspect runs. */
  add(job: ClaimedJob): void {
    this.#waiting.push(job);
    this.#next();
  }

  /** Takes out the jobs that have not started and that `which` names, and answers them. */
  remove(which: (job: ClaimedJob) => boolean): ClaimedJob[] {
    const removed = this.#waiting.filter(which);
    this.#waiting = this.#waiting.filter((job) => !which(job));
    return removed;
  }

  /** Whether this run has no slot of its queue. */
  has(run: object): boolean {
    return this.#runs.has(run);
  }

  /** A handler has ended, or is given up on; answers whether it was one of these. */
  freed(run: object): boolean {
    if (!this.#runs.delete(run)) return false;
    this.#leave(run);
    return true;
  }

  lend(run: object): void {
    this.#leave(run);
  }

  regain(run: object, resume: () => void): void {
    this.#returning.set(run, resume);
    this.#next();
  }

  takeBack(run: object): void {
    this.#returning.delete(run);
    // Beside whoever runs: it is told to stop, and has seconds left.
    this.#current ??= run;
  }

  stopRegaining(run: object): void {
    this.#returning.delete(run);
  }

  #leave(run: object): void {
    if (this.#current !== run) return;
    this.#current = null;
    this.#next();
  }

  #next(): void {
    if (this.#current !== null) return;
    for (const [run, resume] of this.#returning) {
      this.#returning.delete(run);
      this.#current = run;
      resume();
      return;
    }
    const job = this.#waiting.shift();
    if (job === undefined) return;
    this.#log.warn("Running a job alone among its like: two workers died while they ran it", {
      jobId: job.id,
      jobType: job.type,
    });
    const run = this.#start(job);
    this.#runs.add(run);
    this.#current = run;
  }
}
