import canonicalize from "canonicalize";
import { createHash } from "node:crypto";
import type { ChildOptions } from "../child-types.ts";
import type { JobDefinition } from "../define.ts";
import type { DispatchOptions } from "../dispatch.ts";
import { ChildFailed, type ChildFailure } from "../child-failed.ts";
import { ForgeError, shown } from "../errors.ts";
import { checkId } from "../id.ts";
import { refuseUnknownOptions } from "../options.ts";
import type { JobAborted } from "../outcomes.ts";
import { checkDefinition } from "../registered.ts";
import type { ChildCall, ChildResult, ClaimedJob, JobRecord, NewJob, Store } from "../store.ts";
import { serialiseInput } from "../values.ts";
import { Batches } from "./batches.ts";
import { ChildTracker } from "./child-tracker.ts";
import { ChildWait } from "./child-wait.ts";
import { ChildWatch } from "./child-watch.ts";
import type { SlotLoan } from "./slot-loan.ts";

/** Checks an input and makes the row of its job. */
export type NewChild = (job: JobDefinition, input: unknown, options: DispatchOptions) => Promise<NewJob>;

/** What the runs of this process share to look after their children. */
export class ChildDesk {
  readonly newChild: NewChild;
  readonly watch: ChildWatch;
  readonly #store: Pick<Store, "children" | "jobs">;
  readonly #onChild: (row: NewJob) => Promise<void>;
  readonly #calls: Batches<ChildCall, ChildResult>;
  readonly #waits = new Set<ChildWait>();

  constructor(
    store: Pick<Store, "changes" | "children" | "jobs">,
    { newChild, onChild }: { newChild: NewChild; onChild: (row: NewJob) => Promise<void> },
  ) {
    this.newChild = newChild;
    this.#onChild = onChild;
    this.watch = new ChildWatch(store);
    this.#store = store;
    this.#calls = new Batches((calls) => store.children.dispatch({ calls }));
  }

  async dispatch(call: ChildCall): Promise<ChildResult> {
    const result = await this.#calls.add(call, call.job.input.length);
    if (result.kind === "made") await this.#onChild(call.job);
    return result;
  }

  /** Whether a job is this one, or one that its parents wait for it to end. */
  async isAbove(id: string, jobId: string): Promise<boolean> {
    for (let at: string | null = jobId; at !== null;) {
      if (at === id) return true;
      const [job] = await this.#store.jobs.get({ ids: [at] });
      at = job?.parentId ?? null;
    }
    return false;
  }

  /** Which of these ids are no children of the job. */
  async strangers(jobId: string, ids: readonly string[]): Promise<string[]> {
    if (ids.length === 0) return [];
    const known = new Set(await this.#store.children.among({ parentId: jobId, ids }));
    return ids.filter((id) => !known.has(id));
  }

  /** The outputs of completed jobs by id, parsed. */
  async outputs(ids: readonly string[]): Promise<Map<string, unknown>> {
    const outputs = new Map<string, unknown>();
    for (let from = 0; from < ids.length; from += READ_BATCH) {
      const states = await this.#store.jobs.states({ ids: ids.slice(from, from + READ_BATCH) });
      for (const { id, output } of states) outputs.set(id, output === null ? null : JSON.parse(output));
    }
    return outputs;
  }

  /** What became of jobs that did not complete. */
  async failures(ids: readonly string[]): Promise<ChildFailure[]> {
    const jobs = new Map<string, JobRecord>();
    for (let from = 0; from < ids.length; from += READ_BATCH) {
      const found = await this.#store.jobs.get({ ids: ids.slice(from, from + READ_BATCH) });
      for (const job of found) jobs.set(job.id, job);
    }
    return ids.map((id) => {
      const { status = "deleted" as const, publicError = null, error = null } = jobs.get(id) ?? {};
      return { id, status, publicError, error };
    });
  }

  /** Notes a wait whose run has lent its slot. */
  waiting(wait: ChildWait): () => void {
    this.#waits.add(wait);
    return () => this.#waits.delete(wait);
  }

  /**
   * Jobs that runs here wait for and that wait themselves as far as is known, of the latest wait first: so a tree of jobs is
   * worked off branch by branch, and does not fill the memory level by level.
   */
  awaited(limit: number): string[] {
    const ids: string[] = [];
    for (const wait of [...this.#waits].toReversed()) {
      for (const id of wait.unstarted()) if (ids.push(id) === limit) return ids;
    }
    return ids;
  }
}

/** What a run's children ask of the run. */
export interface ParentLink {
  readonly job: ClaimedJob;
  readonly loan: SlotLoan;
  readonly signal: () => AbortSignal;
  readonly progress: (percent: number) => void;
  /** The fence refused a write; answers what the signal has aborted with. */
  onStale(): Promise<JobAborted>;
  /** Somebody asked for the job to be cancelled; answers what the signal has aborted with. */
  onCancelled(): JobAborted;
}

const READ_BATCH = 100;
const MOST_AWAITED = 100_000;

const OPTION_NAMES: readonly (keyof ChildOptions)[] = [
  "runAt",
  "delay",
  "priority",
  "queue",
  "timeout",
  "retry",
  "idempotencyKey",
];

/** The children of one run. */
export class RunChildren {
  readonly #link: ParentLink;
  readonly #desk: ChildDesk;
  readonly #occurrences = new Map<string, number>();
  /** The children of this run; those of runs before are looked up. */
  readonly #own = new Set<string>();
  readonly #waits = new Set<ChildWait>();
  #tracker: ChildTracker | null = null;

  constructor(link: ParentLink, desk: ChildDesk) {
    this.#link = link;
    this.#desk = desk;
  }

  /** See `JobContext.dispatchChild`. */
  async dispatch(job: JobDefinition, input: unknown, options: ChildOptions = {}): Promise<string> {
    refuseUnknownOptions("dispatchChild", options, OPTION_NAMES);
    checkDefinition(job);
    const { id, claimNo, owner } = this.#link.job;
    // Before anything is waited for, so that calls count in the order in which the handler makes them.
    const key = this.#nextKey(job.name, serialiseInput(input, "The input"));
    const inherited = { ...options, ...(owner !== null && { owner }) };
    const row = await this.#desk.newChild(job, input, inherited);
    const result = await this.#desk.dispatch({ parent: { id, claimNo }, key, job: row });
    if (!("id" in result)) throw result.kind === "stale" ? await this.#link.onStale() : this.#link.onCancelled();
    if (result.kind === "found" && row.keys.length > 0 && (await this.#desk.isAbove(result.id, id))) {
      throw new ForgeError(
        "KEY_HELD",
        `A child of job ${id} has the idempotency key of job ${result.id}, which waits for this very job. Give it another key.`,
        { details: { id: result.id } },
      );
    }
    this.#own.add(result.id);
    this.#tracker?.add(result.id);
    return result.id;
  }

  /** See `JobContext.waitForJobs`. */
  async wait(ids: readonly string[]): Promise<unknown[]> {
    const distinct = await this.#checked(ids);
    const signal = this.#link.signal();
    const wait = new ChildWait(this.#desk.watch, distinct, signal);
    this.#waits.add(wait);
    try {
      if (!(await wait.isOverAtOnce())) {
        const forget = this.#desk.waiting(wait);
        await this.#link.loan.during(wait.over, signal).finally(forget);
      }
      const [first, ...others] = await this.#desk.failures(distinct.filter((id) => wait.failed.has(id)));
      if (first !== undefined) throw new ChildFailed([first, ...others]);
      const outputs = await this.#desk.outputs(distinct);
      return ids.map((id) => outputs.get(id));
    } finally {
      wait.close();
      this.#waits.delete(wait);
    }
  }

  /** See `JobContext.trackChildren`. */
  track(): void {
    if (this.#tracker !== null) return;
    this.#tracker = new ChildTracker(this.#desk.watch, this.#link.progress);
    for (const id of this.#own) this.#tracker.add(id);
  }

  /** The run is over: nothing is watched for it any more. */
  close(): void {
    this.#tracker?.close();
    for (const wait of this.#waits) wait.close();
  }

  async #checked(ids: readonly string[]): Promise<string[]> {
    if (!Array.isArray(ids) || ids.length > MOST_AWAITED) {
      throw new ForgeError(
        "BAD_REQUEST",
        `waitForJobs takes a list of at most 100,000 ids of children; got ${Array.isArray(ids) ? ids.length : shown(ids)}.`,
      );
    }
    const distinct = [...new Set(ids.map((id: string) => checkId(id, "A child's id")))];
    const strangers = await this.#desk.strangers(
      this.#link.job.id,
      distinct.filter((id) => !this.#own.has(id)),
    );
    if (strangers.length > 0) {
      throw new ForgeError(
        "BAD_REQUEST",
        `Job ${strangers[0]} is no child of job ${this.#link.job.id}; waitForJobs takes what dispatchChild answered.`,
        { details: { ids: strangers } },
      );
    }
    return distinct;
  }

  /** Names a child by type, input and which of such it is: the same for every run that dispatches the same. */
  #nextKey(type: string, input: string): string {
    const content = canonicalize([type, JSON.parse(input)]) ?? "";
    const hash = createHash("sha256").update(content).digest("base64url");
    const occurrence = (this.#occurrences.get(hash) ?? 0) + 1;
    this.#occurrences.set(hash, occurrence);
    return `${hash}:${occurrence}`;
  }
}
