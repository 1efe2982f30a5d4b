import canonicalize from "canonicalize";
import { createHash } from "node:crypto";
import type { ChildOptions } from "../child-types.ts";
import type { JobDefinition } from "../define.ts";
import type { DispatchOptions } from "../dispatch.ts";
import { ForgeError } from "../errors.ts";
import { refuseUnknownOptions } from "../options.ts";
import type { JobAborted } from "../outcomes.ts";
import type { ChildCall, ChildResult, ClaimedJob, JobVerbs, NewJob, Store } from "../store.ts";
import { serialiseInput } from "../values.ts";
import { Batches } from "./batches.ts";

/** Checks an input and makes the row of its job. */
export type NewChild = (job: JobDefinition, input: unknown, options: DispatchOptions) => Promise<NewJob>;

/** What the runs of this process share to look after their children. */
export class ChildDesk {
  readonly newChild: NewChild;
  readonly #jobs: Pick<JobVerbs, "get">;
  readonly #calls: Batches<ChildCall, ChildResult>;

  constructor(store: Pick<Store, "children" | "jobs">, newChild: NewChild) {
    this.newChild = newChild;
    this.#jobs = store.jobs;
    this.#calls = new Batches((calls) => store.children.dispatch({ calls }));
  }

  dispatch(call: ChildCall): Promise<ChildResult> {
    return this.#calls.add(call, call.job.input.length);
  }

  /** Whether a job is this one, or one that its parents wait for it to end. */
  async isAbove(id: string, jobId: string): Promise<boolean> {
    for (let at: string | null = jobId; at !== null;) {
      if (at === id) return true;
      const [job] = await this.#jobs.get({ ids: [at] });
      at = job?.parentId ?? null;
    }
    return false;
  }
}

/** What a run's children ask of the run. */
export interface ParentLink {
  readonly job: ClaimedJob;
  /** The fence refused a write; answers what the signal has aborted with. */
  onStale(): Promise<JobAborted>;
  /** Somebody asked for the job to be cancelled; answers what the signal has aborted with. */
  onCancelled(): JobAborted;
}

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

  constructor(link: ParentLink, desk: ChildDesk) {
    this.#link = link;
    this.#desk = desk;
  }

  /** See `JobContext.dispatchChild`. */
  async dispatch(job: JobDefinition, input: unknown, options: ChildOptions = {}): Promise<string> {
    refuseUnknownOptions("dispatchChild", options, OPTION_NAMES);
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
    return result.id;
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
