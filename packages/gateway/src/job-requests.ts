import { ForgeError, type Forge, type JobStateRecord } from "@forge-jobs/core";
import type { JobSnapshot } from "@forge-jobs/protocol";
import type { Access, JobAction } from "./access.ts";
import type { Hub } from "./hub.ts";
import type { JobView } from "./job-view.ts";
import type { Caller, Principal } from "./principal.ts";
import { answerOf, type Wanted } from "./subscriptions.ts";

/** What job requests work with. */
export interface JobRequestsOptions {
  readonly forge: Forge;
  readonly access: Access;
  readonly hub: Hub;
}

/** What callers do with jobs besides watching them. */
export class JobRequests {
  readonly #options: JobRequestsOptions;

  constructor(options: JobRequestsOptions) {
    this.#options = options;
  }

  /**
   * Dispatches a public job for the caller, who becomes its owner, and answers its id.
   *
   * Throws `NOT_FOUND` where the caller may not dispatch it, `CONFLICT` where the job that holds its key is not the
   * caller's to watch, and what `Forge.dispatch` throws.
   */
  async dispatch({ principal }: Caller, name: string, args: unknown, requestId: string | null): Promise<string> {
    const { forge, access } = this.#options;
    if (!(await access.mayDispatch(principal, name))) {
      throw new ForgeError("NOT_FOUND", `There is no job ${JSON.stringify(name)} that you may start.`);
    }
    const owner = principal?.id ?? null;
    const receipt = await forge.dispatchNamed(name, args, { owner, ...(requestId !== null && { requestId }) });
    if (!receipt.created && !(await this.#mayWatch(principal, receipt.id))) {
      throw new ForgeError(
        "CONFLICT",
        `A job ${name} with the same idempotency key exists, and it is not yours to watch.`,
      );
    }
    return receipt.id;
  }

  /** Reads the states that are newer than the caller has; unknown and forbidden ones as `not_found`. */
  async poll({ principal }: Caller, wanted: readonly Wanted[]): Promise<JobSnapshot[]> {
    const answers = wanted.map(async (one) =>
      answerOf({ ...one, view: await this.#allowed("watch", principal, one.id) }),
    );
    return (await Promise.all(answers)).filter((state) => state !== null);
  }

  /** Reads one whole state. Throws `NOT_FOUND`. */
  async snapshot({ principal }: Caller, id: string): Promise<JobSnapshot> {
    return (await this.#need("watch", principal, id)).whole();
  }

  /** Cancels a job and answers its state after that. Throws `NOT_FOUND`. */
  async cancel({ principal }: Caller, id: string): Promise<JobSnapshot> {
    await this.#need("cancel", principal, id);
    await this.#options.forge.jobs.cancel(id, actorOf(principal));
    return this.#after(id);
  }

  /** Brings a job back and answers its state after that. Throws `NOT_FOUND`, `CONFLICT`, `KEY_HELD`. */
  async retry({ principal }: Caller, id: string): Promise<JobSnapshot> {
    await this.#need("retry", principal, id);
    await this.#options.forge.jobs.retry(id, actorOf(principal));
    return this.#after(id);
  }

  async #after(id: string): Promise<JobSnapshot> {
    const view = await this.#options.hub.read(id);
    if (view === null) throw notYours(id);
    return view.whole();
  }

  async #mayWatch(principal: Principal | null, id: string): Promise<boolean> {
    return (await this.#allowed("watch", principal, id)) !== null;
  }

  async #need(action: Exclude<JobAction, "dispatch">, principal: Principal | null, id: string): Promise<JobView> {
    const view = await this.#allowed(action, principal, id);
    if (view === null) throw notYours(id);
    return view;
  }

  async #allowed(
    action: Exclude<JobAction, "dispatch">,
    principal: Principal | null,
    id: string,
  ): Promise<JobView | null> {
    const view = await this.#options.hub.read(id);
    const record: JobStateRecord | undefined = view?.record;
    return record !== undefined && (await this.#options.access.may(action, principal, record)) ? view : null;
  }
}

/** Who does something, for the job's history. */
function actorOf(principal: Principal | null): { by?: string } {
  return principal === null ? {} : { by: principal.id };
}

/** The same for an unknown id and a foreign one, so that ids cannot be tried out. */
function notYours(id: string): ForgeError {
  return new ForgeError("NOT_FOUND", `There is no job ${id} of yours.`);
}
