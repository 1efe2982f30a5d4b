import type { WorkflowStatus } from "@forge-jobs/protocol";
import { ForgeError, shown } from "../errors.ts";
import { checkId } from "../id.ts";
import { checkLimit } from "../job-arguments.ts";
import { checkText, refuseUnknownOptions } from "../options.ts";
import type { RunQuery, Store } from "../store.ts";
import { unservedLanes } from "../unserved.ts";
import { type WorkflowRun, workflowRunOf } from "./workflow-run.ts";

/** Which runs `workflows.list` answers; absent filters match all. */
export interface WorkflowListOptions {
  /** The name of a workflow. */
  workflow?: string;
  version?: number;
  status?: Exclude<WorkflowStatus, "not_found">;
  owner?: string;
  /** The id of a job or run: the runs that it started as its children. */
  parent?: string;
  /** `true`: only those that cannot go on without a person; each says why in its `blocked`. Default `false`: all. */
  blocked?: boolean;
  /** `cursor` of the page before. */
  cursor?: string;
  /** 1 to 1,000. Default 50. */
  limit?: number;
}

/** A page of runs, newest first. */
export interface WorkflowPage {
  runs: WorkflowRun[];
  /** For the next page; null on the last one. */
  cursor: string | null;
}

const STATUSES: Readonly<Record<Exclude<WorkflowStatus, "not_found">, true>> = {
  created: true,
  running: true,
  waiting: true,
  compensating: true,
  completed: true,
  compensated: true,
  failed: true,
  cancelled: true,
};

/** Reads one page of runs. */
export async function listRuns(store: Store, options: WorkflowListOptions): Promise<WorkflowPage> {
  const query = queryOf(options);
  const [lanes, workers] = await Promise.all([store.queues.lanes(), store.workers.list()]);
  // One more than asked tells whether there is another page.
  const found = await store.workflows.list({
    ...query,
    unserved: unservedLanes(lanes, workers),
    limit: query.limit + 1,
  });
  const page = found.slice(0, query.limit);
  const records = await store.workflows.get({ ids: page.map(({ id }) => id) });
  const byId = new Map(records.map((record) => [record.id, workflowRunOf(record)]));
  const runs = page.flatMap(({ id, isUnserved }): WorkflowRun[] => {
    const run = byId.get(id);
    // Deleted since.
    if (run === undefined) return [];
    return [isUnserved && run.blocked === null ? { ...run, blocked: unserved(run) } : run];
  });
  return { runs, cursor: found.length > query.limit ? (page.at(-1)?.id ?? null) : null };
}

function unserved({ workflow, version, queue }: WorkflowRun): string {
  return `No worker that runs has ${workflow} in version ${version} and serves the queue ${queue}.`;
}

function queryOf(options: WorkflowListOptions): Omit<RunQuery, "unserved"> {
  const names = ["workflow", "version", "status", "owner", "parent", "blocked", "cursor", "limit"] as const;
  refuseUnknownOptions("workflows.list", options, names);
  const { workflow, version, status, owner, parent, blocked, cursor, limit } = options;
  if (status !== undefined && !Object.hasOwn(STATUSES, status)) {
    throw bad(`status must be one of ${Object.keys(STATUSES).join(", ")}; got ${shown(status)}.`);
  }
  if (version !== undefined && !Number.isInteger(version)) {
    throw bad(`version must be a whole number; got ${shown(version)}.`);
  }
  if (blocked !== undefined && typeof blocked !== "boolean") {
    throw bad(`blocked must be true or false; got ${shown(blocked)}.`);
  }
  return {
    ...(workflow !== undefined && { workflow: checkText("workflow", workflow) }),
    ...(version !== undefined && { version }),
    ...(status !== undefined && { status }),
    ...(owner !== undefined && { owner: checkText("owner", owner) }),
    ...(parent !== undefined && { parent: checkId(parent, "parent") }),
    ...(blocked === true && { blocked }),
    ...(cursor !== undefined && { before: checkId(cursor, "cursor") }),
    limit: checkLimit(limit),
  };
}

function bad(sentence: string): ForgeError {
  return new ForgeError("BAD_REQUEST", sentence);
}
