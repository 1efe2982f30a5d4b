import { boundFetch } from "./bound-fetch.ts";
import type { JobDefinition } from "./define.ts";
import { type DispatchOptions, type DispatchReceipt, jobTemplate, newJob } from "./dispatch.ts";
import { durationMs } from "./duration.ts";
import { ForgeError, shown } from "./errors.ts";
import type { Forge, ForgeOptions } from "./forge-types.ts";
import { cronsOf } from "./cron/crons-of.ts";
import { createCrons } from "./cron/crons.ts";
import { Ticker } from "./cron/ticker.ts";
import { HookRunner } from "./hook-runner.ts";
import { hookList } from "./hooks.ts";
import { createJobs } from "./jobs.ts";
import { Life } from "./life.ts";
import { childLogger, consoleLogger, type Logger } from "./logger.ts";
import { Mailer } from "./mail/mailer.ts";
import { sendMailJob } from "./mail/send-mail.ts";
import { refuseUnknownOptions } from "./options.ts";
import { createQueues } from "./queues.ts";
import { createRateLimits } from "./rate-limits.ts";
import { refuseUnregistered } from "./registered.ts";
import { checkRoute, routed } from "./route.ts";
import type { NewJob } from "./store.ts";
import { checkWorkerOptions } from "./worker-options.ts";
import { createWorkers } from "./workers.ts";
import { workflowStarter } from "./workflow/start-workflow.ts";
import { PLAIN, type Tuning } from "./workflow/tuning.ts";
import { startableByName, workflowsOf } from "./workflow/workflows-of.ts";
import { createWorkflows } from "./workflow/workflows.ts";
import { CONTEXT_NAMES } from "./worker/job-context.ts";
import type { NewChild } from "./worker/children.ts";
import { noMail } from "./worker/job-mail.ts";
import { Worker } from "./worker/worker.ts";

/** The signal of contexts that nothing ends. */
const NEVER = new AbortController().signal;
const INSERT_BATCH = 1_000;

/**
 * Makes the engine of one process. Nothing is opened before `start()` or the first dispatch.
 *
 * Throws `BAD_REQUEST` for bad or unknown options, and for two jobs of one name.
 */
export function createForge(options: ForgeOptions): Forge {
  return makeForge(options, PLAIN).forge;
}

/** The same, tuned as tests need it, with what makes the ticks of its crons. */
export function makeForge(options: ForgeOptions, tuning: Tuning): { readonly forge: Forge; readonly ticker: Ticker } {
  refuseUnknownOptions("createForge", options, [
    "store",
    "jobs",
    "crons",
    "workflows",
    "context",
    "worker",
    "route",
    "hooks",
    "mail",
    "migrate",
    "logger",
  ]);
  const { store } = options;
  if (typeof store?.jobs?.claim !== "function") {
    throw new ForgeError("BAD_REQUEST", "createForge({ store }) takes what sqliteStore or postgresStore made.");
  }
  const log = loggerOf(options.logger === undefined ? consoleLogger : options.logger);
  const mailer = options.mail === undefined ? null : new Mailer(options.mail);
  const sendMail = mailer === null ? null : sendMailJob(mailer);
  const definitions = definitionsOf(options.jobs, sendMail === null ? [] : [sendMail]);
  const workflows = workflowsOf(options.workflows ?? []);
  const startable = startableByName(definitions, workflows);
  const route = checkRoute(options.route);
  const crons = cronsOf(options.crons === undefined ? [] : options.crons);
  /** What a worker runs: jobs, and the runs of crons, which nobody can dispatch. */
  const others = [...crons, ...workflows].map(({ job }) => [job.name, job] as const);
  const runnable = new Map([...definitions, ...others]);
  const context = contextOf(options.context === undefined ? {} : options.context);
  const { worker: working = {} } = options;
  const work = working === false ? null : checkWorkerOptions(working, runnable, process.env);

  const newRows = async (
    job: JobDefinition,
    inputs: readonly unknown[],
    dispatch: DispatchOptions,
    requestId?: string,
  ): Promise<NewJob[]> => {
    refuseUnregistered(job, job?.workflow ? runnable : definitions);
    if (!Array.isArray(inputs)) {
      throw new ForgeError("BAD_REQUEST", `dispatchMany takes a list of inputs; got ${shown(inputs)}.`);
    }
    const template = jobTemplate(job, dispatch);
    const rows: NewJob[] = [];
    for (const [index, input] of inputs.entries()) {
      const what = inputs.length === 1 ? "The input" : `The input at index ${index}`;
      const row = await newJob(job, template, input, what, requestId);
      rows.push(route === null || dispatch.queue !== undefined ? row : routed(route, row, input));
    }
    return rows;
  };
  const insert = async (
    job: JobDefinition,
    inputs: readonly unknown[],
    dispatch: DispatchOptions,
    requestId?: string,
  ): Promise<DispatchReceipt[]> => {
    const rows = await newRows(job, inputs, dispatch, requestId);
    const [only] = rows;
    if (rows.length === 1 && only !== undefined && dispatch.tx === undefined && startsAtOnce(only)) {
      if (await worker?.insertAndStart(only)) {
        await hooks.dispatched([only], { told: false });
        return [{ id: only.id, created: true }];
      }
    }
    const receipts: DispatchReceipt[] = [];
    for (let from = 0; from < rows.length; from += INSERT_BATCH) {
      const jobs = rows.slice(from, from + INSERT_BATCH);
      receipts.push(...(await store.jobs.insert({ jobs, ...(dispatch.tx !== undefined && { tx: dispatch.tx }) })));
    }
    if (hooks.hasAny(job.name)) {
      const made = rows.filter(({ id }, n) => receipts[n]?.created === true && receipts[n].id === id);
      await hooks.dispatched(made, { told: dispatch.tx === undefined });
    }
    return receipts;
  };
  const dispatch: Forge["dispatch"] = async (job, input, dispatchOptions = {}) => {
    const [receipt] = await insert(job, [input], dispatchOptions);
    return (receipt as DispatchReceipt).id;
  };

  const newChild: NewChild = async (job, input, childOptions) => {
    const [row] = await newRows(job, [input], childOptions);
    return row as NewJob;
  };
  const onChild = async (row: NewJob): Promise<void> => {
    if (hooks.hasAny(row.type)) await hooks.dispatched([row], { told: true });
  };

  const jobs = createJobs(
    store,
    (id) => worker?.cancelledHere(id),
    (ids, status) => hooks.moved(ids, status),
  );
  const hooks = new HookRunner({
    hooks: hookList("createForge", options.hooks),
    definitions: runnable,
    jobs: store.jobs,
    context: () => ({ log, jobs, dispatch, fetch: boundFetch(() => NEVER), ...context }),
    log,
  });
  const worker =
    work === null
      ? null
      : new Worker({
          store,
          definitions: runnable,
          ...work,
          context,
          log,
          random: Math.random,
          tuning,
          dispatch,
          newChild,
          onChild,
          jobs,
          hooks,
          mailer,
        });
  const onMade = (made: readonly NewJob[]): Promise<void> => hooks.dispatched(made, { told: true });
  const ticker = new Ticker({
    crons: store.crons,
    changes: store.changes,
    definitions: crons,
    onMade,
    log,
    random: Math.random,
    now: () => performance.now(),
  });
  // A worker without the package should not begin to take mails.
  const life = new Life({ store, worker, ticker, log, beforeWork: async () => mailer?.open() });
  const onOrders = async (): Promise<void> => worker?.ordersChanged();

  const forge: Forge = {
    start: () => life.start(options.migrate !== false),
    stop: async (stopOptions = {}) => {
      refuseUnknownOptions("stop", stopOptions, ["timeout"]);
      await life.stop(durationMs(stopOptions.timeout ?? "30s", "timeout"));
      await mailer?.close();
    },
    dispatch,
    dispatchMany: async (job, inputs, dispatchOptions = {}) => {
      const receipts = await insert(job, inputs, dispatchOptions);
      return receipts.map(({ id }) => id);
    },
    mail: async (message, dispatchOptions = {}) => {
      if (mailer === null || sendMail === null) throw noMail("forge.mail");
      mailer.check(message);
      return dispatch(sendMail, message, dispatchOptions);
    },
    dispatchNamed: async (name, input, { owner, requestId }) => {
      const job = startable.get(name);
      if (job === undefined) throw new ForgeError("NOT_FOUND", `There is no job or workflow ${shown(name)}.`);
      const [receipt] = await insert(job, [input], owner === null ? {} : { owner }, requestId);
      return receipt as DispatchReceipt;
    },
    startWorkflow: workflowStarter(dispatch),
    jobs,
    workflows: createWorkflows(store, (id) => worker?.cancelledHere(id)),
    queues: createQueues(store, onOrders),
    workers: createWorkers(store, onOrders),
    rateLimits: createRateLimits(store),
    definition: (type) => runnable.get(type),
    startable: (name) => startable.get(name),
    crons: createCrons(store, crons, onMade),
    changes: store.changes,
    identity: () => store.identity(),
    ping: () => store.ping(),
  };
  return { forge, ticker };
}

/** Whether a job may go straight into a free slot: one with keys of either kind has to look for who holds them first. */
function startsAtOnce({ due, keys, limitKey, run }: NewJob): boolean {
  return run === undefined && keys.length === 0 && limitKey === undefined && "delayMs" in due && due.delayMs === 0;
}

function loggerOf(logger: Logger): Logger {
  for (const level of ["debug", "info", "warn", "error"] as const) {
    if (typeof logger?.[level] !== "function") {
      throw new ForgeError("BAD_REQUEST", `createForge({ logger }) needs a function ${level}(message, fields?).`);
    }
  }
  // Guarded, since a logger that throws must not fail a job or end the process.
  return childLogger(logger, {});
}

function definitionsOf(jobs: readonly JobDefinition[], ours: readonly JobDefinition[]): Map<string, JobDefinition> {
  if (!Array.isArray(jobs))
    throw new ForgeError("BAD_REQUEST", "createForge({ jobs }) takes a list of what defineJob made.");
  const definitions = new Map<string, JobDefinition>();
  for (const job of [...jobs, ...ours]) {
    if (typeof job?.run !== "function")
      throw new ForgeError("BAD_REQUEST", "createForge({ jobs }) takes what defineJob made.");
    if (definitions.has(job.name))
      throw new ForgeError("BAD_REQUEST", `Two jobs are named ${job.name}; names must differ.`);
    definitions.set(job.name, job);
  }
  return definitions;
}

function contextOf(context: object): object {
  if (typeof context !== "object" || context === null || Array.isArray(context)) {
    throw new ForgeError(
      "BAD_REQUEST",
      `createForge({ context }) takes an object, whose fields every handler finds on its ctx; got ${shown(context)}.`,
    );
  }
  const taken = CONTEXT_NAMES.find((name) => Object.hasOwn(context, name));
  if (taken !== undefined) {
    throw new ForgeError(
      "BAD_REQUEST",
      `createForge({ context }) cannot name ${taken}: every handler's ctx has its own. Rename it.`,
    );
  }
  return context;
}
