import { CRON_PREFIX, type Forge, type JobStateRecord, type Logger, workflowOf } from "@forge-jobs/core";
import type { Principal } from "./principal.ts";

/** What somebody wants to do with a job, or with a run of a workflow; only jobs are retried, only runs are signalled. */
export type JobAction = "dispatch" | "watch" | "cancel" | "retry" | "signal";

/** What `authorize` decides about. A null principal is anonymous. */
export interface AccessQuestion {
  readonly principal: Principal | null;
  readonly action: JobAction;
  /**
   * For `dispatch`, `id` is null and `owner` the principal's id. A cron's runs are of the type `cron:<name>` and have no
   * owner; for a cron that has not run yet, `id` is null. Of a run of a workflow, `type` is the workflow's name, and `version`
   * says in which version it was, or is to be, started; a job has none.
   */
  readonly job: {
    readonly id: string | null;
    readonly type: string;
    readonly owner: string | null;
    readonly version?: number;
  };
}

/** Answers whether a principal may do something; true alone allows it. */
export type Authorize = (question: AccessQuestion) => boolean | Promise<boolean>;

/** What access is decided by. `authorize` undefined: the owner rule. */
export interface AccessOptions {
  readonly forge: Pick<Forge, "definition" | "startable">;
  readonly authorize: Authorize | undefined;
  readonly log: Logger;
}

/**
 * Decides who may do what: only with public jobs and workflows, and of those what `authorize` allows.
 *
 * Without `authorize`, everybody may dispatch, and only a job's or run's owner may do the rest; where it has no owner, that is
 * every anonymous caller who knows its id, and no principal. Runs of crons, which belong to nobody, everybody may watch.
 */
export class Access {
  readonly #options: AccessOptions;
  readonly #ownerless = new Set<string>();

  constructor(options: AccessOptions) {
    this.#options = options;
  }

  async mayDispatch(principal: Principal | null, name: string): Promise<boolean> {
    const definition = this.#options.forge.startable(name);
    if (definition?.public !== true) return false;
    const job = { id: null, ...shownType(definition.name), owner: principal?.id ?? null };
    return this.#decide({ principal, action: "dispatch", job });
  }

  async may(
    action: Exclude<JobAction, "dispatch">,
    principal: Principal | null,
    record: JobStateRecord,
  ): Promise<boolean> {
    const { id, type, owner } = record;
    const exposed = this.#options.forge.definition(type)?.public;
    if (exposed !== true && !(exposed === "watch" && action === "watch")) return false;
    return this.#decide({ principal, action, job: { id, ...shownType(type), owner } });
  }

  /** Whether somebody may see a cron, and its newest run. */
  async mayWatchCron(principal: Principal | null, name: string, lastJobId: string | null): Promise<boolean> {
    const type = CRON_PREFIX + name;
    if (this.#options.forge.definition(type)?.public !== "watch") return false;
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
        `A signed-in user asked for ${String(job.id)} of ${job.type}, which has no owner, and was refused; ` +
          `pass { owner } when you start ${job.type}, or decide in authorize. Said once per type.`,
      );
    }
    return job.owner === (principal?.id ?? null);
  }
}

/** The type of a row as `authorize` knows it. */
function shownType(type: string): { readonly type: string; readonly version?: number } {
  const workflow = workflowOf(type);
  return workflow === null ? { type } : { type: workflow.name, version: workflow.version };
}
