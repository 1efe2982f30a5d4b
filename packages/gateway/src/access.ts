import { CRON_PREFIX, type Forge, type JobStateRecord, type Logger } from "@forge-jobs/core";
import type { Principal } from "./principal.ts";

/** What somebody wants to do with a job. */
export type JobAction = "dispatch" | "watch" | "cancel" | "retry";

/** What `authorize` decides about. A null principal is anonymous. */
export interface AccessQuestion {
  readonly principal: Principal | null;
  readonly action: JobAction;
  /**
   * For `dispatch`, `id` is null and `owner` the principal's id. A cron's runs are of the type `cron:<name>` and have no
   * owner; for a cron that has not run yet, `id` is null.
   */
  readonly job: { readonly id: string | null; readonly type: string; readonly owner: string | null };
}

/** Answers whether a principal may do something; true alone allows it. */
export type Authorize = (question: AccessQuestion) => boolean | Promise<boolean>;

/** What access is decided by. `authorize` undefined: the owner rule. */
export interface AccessOptions {
  readonly definition: Forge["definition"];
  readonly authorize: Authorize | undefined;
  readonly log: Logger;
}

/**
 * Decides who may do what: only with public jobs, and of those what `authorize` allows.
 *
 * Without `authorize`, everybody may dispatch, and only a job's owner may do the rest; where a job has no owner, that is
 * every anonymous caller who knows its id, and no principal. Runs of crons, which belong to nobody, everybody may watch.
 */
export class Access {
  readonly #options: AccessOptions;
  readonly #ownerless = new Set<string>();

  constructor(options: AccessOptions) {
    this.#options = options;
  }

  async mayDispatch(principal: Principal | null, type: string): Promise<boolean> {
    if (this.#options.definition(type)?.public !== true) return false;
    return this.#decide({ principal, action: "dispatch", job: { id: null, type, owner: principal?.id ?? null } });
  }

  async may(
    action: Exclude<JobAction, "dispatch">,
    principal: Principal | null,
    record: JobStateRecord,
  ): Promise<boolean> {
    const { id, type, owner } = record;
    const exposed = this.#options.definition(type)?.public;
    if (exposed !== true && !(exposed === "watch" && action === "watch")) return false;
    return this.#decide({ principal, action, job: { id, type, owner } });
  }

  /** Whether somebody may see a cron, and its newest run. */
  async mayWatchCron(principal: Principal | null, name: string, lastJobId: string | null): Promise<boolean> {
    const type = CRON_PREFIX + name;
    if (this.#options.definition(type)?.public !== "watch") return false;
    return this.#decide({ principal, action: "watch", job: { id: lastJobId, type, owner: null } });
  }

  async #decide(question: AccessQuestion): Promise<boolean> {
    const { authorize, log } = this.#options;
    if (authorize === undefined) return question.job.type.startsWith(CRON_PREFIX) || this.#isOwner(question);
    try {
      const answer: unknown = await authorize(question);
      return answer === true;
    } catch (error) {
      log.error(`authorize threw for ${question.action} of ${question.job.type}; it counts as a refusal`, {
        err: error,
      });
      return false;
    }
  }

  #isOwner({ principal, action, job }: AccessQuestion): boolean {
    if (job.owner === null && principal !== null && action !== "dispatch" && !this.#ownerless.has(job.type)) {
      this.#ownerless.add(job.type);
      this.#options.log.warn(
        `A signed-in user asked for job ${String(job.id)} of ${job.type}, which has no owner, and was refused; ` +
          `pass { owner } when you dispatch ${job.type}, or decide in authorize. Said once per job type.`,
      );
    }
    return job.owner === (principal?.id ?? null);
  }
}
