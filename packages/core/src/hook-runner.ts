import type { StoredJobStatus } from "@forge-jobs/protocol";
import type { JobDefinition } from "./define.ts";
import { HOOK_NAMES, type HookContext, type HookJob, type Hooks } from "./hooks.ts";
import { inTime } from "./in-time.ts";
import type { Logger } from "./logger.ts";
import type { JobRecord, JobVerbs, NewJob, Outcome } from "./store.ts";

type HookName = (typeof HOOK_NAMES)[number];
type AnyHook = (job: HookJob, ctx: never) => unknown;

/** What a hook runner is made of. */
export interface HookRunnerDeps {
  readonly hooks: readonly Hooks[];
  readonly definitions: ReadonlyMap<string, JobDefinition>;
  readonly jobs: Pick<JobVerbs, "get" | "states">;
  readonly context: () => HookContext;
  readonly log: Logger;
}

const LIMIT_MS = 5_000;
const NONE: Partial<Record<HookName, readonly AnyHook[]>> = {};

const STATUS_AFTER: Readonly<Record<Outcome["kind"], StoredJobStatus>> = {
  completed: "completed",
  retry: "retry",
  failed: "failed",
  dead_letter: "dead_letter",
  discarded: "failed",
  given_back: "pending",
  suspended: "pending",
  compensated: "failed",
};

/** Runs an application's hooks. Whoever has a hook to run asks `has` first, so that jobs without hooks pay nothing. */
export class HookRunner {
  readonly #deps: HookRunnerDeps;
  readonly #ofJob = new Map<string, Partial<Record<HookName, readonly AnyHook[]>>>();
  readonly #ofAll: Partial<Record<HookName, readonly AnyHook[]>>;
  /** The last thing told of a job whose hooks are still at work. */
  readonly #telling = new Map<string, Promise<void>>();

  constructor(deps: HookRunnerDeps) {
    this.#deps = deps;
    this.#ofAll = byName(deps.hooks);
    for (const [name, definition] of deps.definitions) {
      this.#ofJob.set(name, definition.hooks.length === 0 ? this.#ofAll : byName([...deps.hooks, ...definition.hooks]));
    }
  }

  /** Whether this job has such a hook. */
  has(hook: HookName, jobName: string): boolean {
    return this.#list(hook, jobName) !== undefined;
  }

  /** Whether this job has any hook that its runs may call. */
  hasAny(jobName: string): boolean {
    const lists = this.#ofJob.get(jobName) ?? this.#ofAll;
    return lists !== NONE && Object.keys(lists).length > 0;
  }

  /** Runs a job's hooks of one name in order; one that throws is logged. Never rejects. */
  async run<Name extends HookName>(
    hook: Name,
    job: Parameters<NonNullable<Hooks[Name]>>[0],
    ctx: Parameters<NonNullable<Hooks[Name]>>[1],
  ): Promise<void> {
    for (const one of this.#list(hook, job.name) ?? []) {
      try {
        const done = one(job, ctx as never);
        await (hook === "beforePerform" ? done : inTime(done, LIMIT_MS));
      } catch (cause) {
        this.#deps.log.warn("A hook threw, or took longer than 5 s; the job goes on", {
          hook,
          jobId: job.id,
          jobType: job.name,
          cause,
        });
      }
    }
  }

  /** Tells of jobs that this process has just inserted, and that are `pending` unless they were started at once. */
  async dispatched(jobs: readonly NewJob[], { told }: { told: boolean }): Promise<void> {
    const [first] = jobs;
    if (first === undefined) return;
    const tells = told && this.has("onStateChange", first.type);
    if (!tells && !this.has("onDispatch", first.type)) return;
    for (const { id, type, input } of jobs) {
      const job: HookJob = { id, name: type, input: JSON.parse(input), attempt: 0 };
      if (tells) this.tell(job, "pending");
      await this.run("onDispatch", job, this.#deps.context());
    }
  }

  /** Tells of a committed change of status. Nobody waits for it. */
  tell(job: HookJob, status: StoredJobStatus | (() => Promise<StoredJobStatus>)): void {
    if (!this.has("onStateChange", job.name)) return;
    this.#inTurn(job.id, async () => {
      const now = typeof status === "string" ? status : await status();
      await this.run("onStateChange", { ...job, status: now }, this.#deps.context());
    });
  }

  /** Tells how a run was settled. Only the row knows whether a cancellation came first. */
  tellSettled(job: HookJob, { kind }: Outcome): void {
    this.tell(job, async () => {
      if (kind === "completed") return "completed";
      const states = await this.#deps.jobs.states({ ids: [job.id] }).catch(() => []);
      return states[0]?.status === "cancelled" ? "cancelled" : STATUS_AFTER[kind];
    });
  }

  /** Tells of jobs that a verb of `jobs` has moved. */
  moved(ids: readonly string[], status: StoredJobStatus): void {
    const lists = [this.#ofAll, ...this.#ofJob.values()];
    if (lists.every(({ onStateChange }) => onStateChange === undefined)) return;
    const reading = this.#deps.jobs.get({ ids }).catch((): JobRecord[] => []);
    for (const id of ids) {
      // Its turn is taken now: what the job does next must not be told before.
      this.#inTurn(id, async () => {
        const record = (await reading).find((one) => one.id === id);
        if (record === undefined) return;
        const { type: name, input, attempts: attempt } = record;
        await this.run("onStateChange", { id, name, input: JSON.parse(input), attempt, status }, this.#deps.context());
      });
    }
  }

  /** Resolves once the hooks that were told of something have ended. */
  async idle(): Promise<void> {
    while (this.#telling.size > 0) await Promise.all(this.#telling.values());
  }

  /** Does one job's tellings one after another. */
  #inTurn(jobId: string, work: () => Promise<void>): void {
    const told = (this.#telling.get(jobId) ?? Promise.resolve()).then(work).then(() => {
      if (this.#telling.get(jobId) === told) this.#telling.delete(jobId);
    });
    this.#telling.set(jobId, told);
  }

  #list(hook: HookName, jobName: string): readonly AnyHook[] | undefined {
    // A verb of `jobs` may move a job that this process does not know.
    return (this.#ofJob.get(jobName) ?? this.#ofAll)[hook];
  }
}

function byName(hooks: readonly Hooks[]): Partial<Record<HookName, readonly AnyHook[]>> {
  if (hooks.length === 0) return NONE;
  const lists: Partial<Record<HookName, readonly AnyHook[]>> = {};
  for (const name of HOOK_NAMES) {
    // Called as methods of their objects, as classes expect it.
    const list = hooks.flatMap((one) => (one[name] === undefined ? [] : [one[name].bind(one) as AnyHook]));
    if (list.length > 0) lists[name] = list;
  }
  return lists;
}
