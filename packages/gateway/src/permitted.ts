import { ForgeError } from "@forge-jobs/core";
import type { Snapshot } from "@forge-jobs/protocol";
import type { Access, JobAction } from "./access.ts";
import type { Hub } from "./hub.ts";
import { JobView } from "./job-view.ts";
import type { Caller } from "./principal.ts";
import { RunView } from "./run-view.ts";
import type { StateView } from "./state-view.ts";
import { answerOf, type Wanted } from "./subscriptions.ts";

type Action = Exclude<JobAction, "dispatch">;

/** What reads work with. */
export interface PermittedOptions {
  readonly access: Access;
  readonly hub: Hub;
}

/** Reads the rows of jobs and runs, for callers who may do what they are about to do with them. */
export class Permitted {
  readonly #options: PermittedOptions;

  constructor(options: PermittedOptions) {
    this.#options = options;
  }

  /** The row; null where there is none, or where the caller may not. */
  async row(action: Action, { principal }: Caller, id: string): Promise<StateView | null> {
    const { access, hub } = this.#options;
    const view = await hub.read(id);
    return view !== null && (await access.may(action, principal, view.record)) ? view : null;
  }

  /** The row of a job. Throws `NOT_FOUND`, also for the id of a run. */
  async job(action: Action, caller: Caller, id: string): Promise<JobView> {
    return jobOf(await this.row(action, caller, id), id);
  }

  /** The row of a run. Throws `NOT_FOUND`, also for the id of a job. */
  async run(action: Action, caller: Caller, id: string): Promise<RunView> {
    return runOf(await this.row(action, caller, id), id);
  }

  /** The job as it is now, for a caller who has just changed it. */
  async changedJob(id: string): Promise<JobView> {
    return jobOf(await this.#options.hub.read(id), id);
  }

  /** The run as it is now, for a caller who has just changed it. */
  async changedRun(id: string): Promise<RunView> {
    return runOf(await this.#options.hub.read(id), id);
  }

  /** Reads the states that are newer than the caller has; unknown and forbidden ones as `not_found`. */
  async poll(caller: Caller, wanted: readonly Wanted[]): Promise<Snapshot[]> {
    const answers = wanted.map(async (one) => answerOf({ ...one, view: await this.row("watch", caller, one.id) }));
    return (await Promise.all(answers)).filter((state) => state !== null);
  }
}

/** Who does something, for the row's history. */
export function actorOf({ principal }: Caller): { by?: string } {
  return principal === null ? {} : { by: principal.id };
}

function jobOf(view: StateView | null, id: string): JobView {
  if (view instanceof JobView) return view;
  throw notYours(`job ${id}`);
}

function runOf(view: StateView | null, id: string): RunView {
  if (view instanceof RunView) return view;
  throw notYours(`workflow run ${id}`);
}

/** The same for an unknown id and a foreign one, so that ids cannot be tried out. */
function notYours(what: string): ForgeError {
  return new ForgeError("NOT_FOUND", `There is no ${what} of yours.`);
}
