import type { StoredJobStatus } from "@forge-jobs/protocol";
import type { CronVerbs } from "./store/cron-verbs.ts";
import type { EndedVerbs } from "./store/ended-verbs.ts";
import type { ClaimLimits } from "./store/claim-limits.ts";
import type { HistoryVerbs } from "./store/history-verbs.ts";
import type { LogVerbs } from "./store/log-verbs.ts";
import type { ChildVerbs } from "./store/child-verbs.ts";
import type { QueueVerbs } from "./store/queue-verbs.ts";
import type { RateLimitVerbs } from "./store/rate-limits.ts";
import type { SweepVerbs } from "./store/sweep-verbs.ts";
import type { WorkerVerbs } from "./store/worker-verbs.ts";
import type { SavedVerbs } from "./store/saved-verbs.ts";
import type { WorkflowVerbs } from "./store/workflow-verbs.ts";

export type * from "./store/cron-verbs.ts";
export type * from "./store/ended-verbs.ts";
export type * from "./store/claim-limits.ts";
export type * from "./store/history-verbs.ts";
export type * from "./store/log-verbs.ts";
export type * from "./store/child-verbs.ts";
export type * from "./store/queue-verbs.ts";
export type * from "./store/saved-verbs.ts";
export type * from "./store/rate-limits.ts";
export type * from "./store/sweep-verbs.ts";
export type * from "./store/worker-verbs.ts";
export type * from "./store/run-act-verbs.ts";
export type * from "./store/run-list-verbs.ts";
export type * from "./store/workflow-verbs.ts";

/** How urgent a job is; a claim takes `critical` before `high` before `normal` before `low`. */
export type Priority = "critical" | "high" | "normal" | "low";

/** The priorities from most to least urgent; stores keep the index in this list. */
export const PRIORITIES: readonly Priority[] = ["critical", "high", "normal", "low"];

/**
 * How long an idempotency key keeps later dispatches away.
 *
 * `job`: while its job is unfinished and, once that completed, for `afterCompletionMs` more (0 = not at all, null = for
 * ever); a failed, dead or cancelled job releases it. `window`: for `ms` from the dispatch, whatever becomes of the job.
 */
export type KeyHold =
  | { readonly kind: "job"; readonly afterCompletionMs: number | null }
  | { readonly kind: "window"; readonly ms: number };

/** An idempotency key that a new job wants to hold. A job may want several; the first that is held decides. */
export interface KeyClaim {
  readonly scope: string;
  readonly key: string;
  readonly hold: KeyHold;
}

/** A job to insert. Values are checked and serialised already; a store writes them as they are. */
export interface NewJob {
  /** A UUIDv7 made by the caller. */
  readonly id: string;
  readonly type: string;
  readonly queue: string;
  readonly priority: Priority;
  /** JSON text. */
  readonly input: string;
  readonly owner: string | null;
  /** Runs in one budget; a person's retry grants another budget of the same size. */
  readonly maxAttempts: number;
  /** When it becomes due: at once (0), after so many milliseconds of the store's clock, or at an instant (ms since 1970). */
  readonly due: { readonly delayMs: number } | { readonly atMs: number };
  /**
   * JSON text of what this dispatch overrides of the definition, or null. The store reads `keep` of it, when the job ends:
   * see `StoredRetention`.
   */
  readonly overrides: string | null;
  readonly keys: readonly KeyClaim[];
  /** Its concurrency key, at most 1,000 characters. Only claims that name its type as one with keys take it. */
  readonly limitKey?: string;
  /**
   * Where a job of the same type that is `pending` holds one of its keys, that gets this one's content: everything but id,
   * owner and keys. What runs of before said and saved, and whom they called their children, is forgotten, but not how many
   * they were and who died of them. Any other holder is left alone, as it is without; so is every run of a workflow.
   */
  readonly replace?: true;
  /** It is a run of a workflow, its type the workflow's name and version: `name@1`. */
  readonly run?: {
    /** How long after its insertion its time is up; null: never. */
    readonly timeoutMs: number | null;
    /** The names of its steps for a stepper. */
    readonly declared: readonly string[] | null;
  };
}

/** What became of one `NewJob`: its own id, or the id of the job that holds its key. */
export interface InsertResult {
  readonly id: string;
  readonly created: boolean;
}

/** A job as a claim hands it to a worker. */
export interface ClaimedJob {
  readonly id: string;
  readonly type: string;
  readonly queue: string;
  readonly priority: Priority;
  readonly input: string;
  readonly owner: string | null;
  /** Which run this is, counted from 1 over the job's whole life. */
  readonly attempt: number;
  /** The attempt with which the present budget ends. */
  readonly maxAttempts: number;
  /** The fence: every write for this run names it, and a later claim makes it stale. */
  readonly claimNo: number;
  /**
   * How many workers died while running this job since it last ended normally; -1: none did, but one that had merely
   * claimed it, so that it may have died of the job's very first steps.
   */
  readonly deaths: number;
  readonly overrides: string | null;
  readonly revision: number;
  /** A limit counts it: when it ends, or goes back, others may be had. */
  readonly isLimited?: true;
}

/** Why a run ended badly: the full text for operators, and the sentence that may leave the server. */
export interface RunError {
  readonly error: string;
  /** The name of the error's class, by which people find what failed alike; absent where there was none. */
  readonly errorName?: string;
  readonly publicError: string;
}

/**
 * How a run ended.
 *
 * On a row that is `cancel_requested`, every outcome but `completed` becomes `cancelled` with the reason recorded there.
 * `discarded` leaves it `failed` with `discardedAt`, for good: no sweep moves it and no person's retry brings it back.
 * `given_back` returns the row to `pending`, due after `delayMs`, without counting the attempt; it clears the
 * count of worker deaths, as every outcome does.
 * `suspended` puts a run of a workflow away, uncounted: see `Suspension`. `compensated` ends one as failed that was undone.
 */
export type Outcome =
  | { readonly kind: "completed"; readonly output: string | null }
  | ({ readonly kind: "retry"; readonly delayMs: number } & RunError)
  | ({ readonly kind: "failed" } & RunError)
  | ({ readonly kind: "dead_letter" } & RunError)
  | ({ readonly kind: "discarded" } & RunError)
  | { readonly kind: "given_back"; readonly delayMs: number }
  | Suspension
  | ({ readonly kind: "compensated" } & RunError);

/**
 * A run of a workflow is put away until `dueAt` (ms since 1970 by the store's clock; null: until it is woken), its row
 * `pending`. Where it was woken since the read that answered `wakes`, it is due at once.
 */
export interface Suspension {
  readonly kind: "suspended";
  readonly wakes: number;
  readonly dueAt: number | null;
  readonly waitingFor: string | null;
}

/**
 * All that a running job has to say between two flushes, merged into one record.
 *
 * `started` moves `claimed` to `running` (never `cancel_requested` back), and clears what the attempt before left in
 * progress, message and error. `progress` and `message` are left alone where undefined.
 */
export interface RunUpdate {
  readonly id: string;
  readonly claimNo: number;
  readonly started: boolean;
  readonly progress: number | null | undefined;
  readonly message: string | null | undefined;
  readonly outcome: Outcome | null;
  /** The outcome makes room under a limit of this queue, which is then told of as if jobs had come. */
  readonly frees?: string;
  /** The outcome ends a job for which the run of this id waits: it is woken in the same statement or transaction. */
  readonly wakes?: string;
}

/**
 * What became of one `RunUpdate`.
 *
 * `applied` also recognises an outcome that an earlier send of the same update already settled. `stale`: another claim
 * owns the row or it has ended; nothing was changed. `held`: somebody else has the row locked; send it again.
 */
export interface RunUpdateResult {
  readonly id: string;
  readonly result: "applied" | "stale" | "held";
  /** The row waits for its handler to heed a cancellation. */
  readonly cancelRequested: boolean;
}

/** What the live path needs of a job, and nothing large besides the output. */
export interface JobStateRecord {
  readonly id: string;
  readonly type: string;
  readonly owner: string | null;
  readonly status: StoredJobStatus;
  readonly progress: number | null;
  readonly message: string | null;
  /** JSON text. */
  readonly output: string | null;
  readonly publicError: string | null;
  readonly revision: number;
}

/** A whole job row. Instants are milliseconds since 1970 by the store's clock. */
export interface JobRecord extends JobStateRecord {
  readonly queue: string;
  readonly priority: Priority;
  /** JSON text. */
  readonly input: string;
  /** The full text of the last error, for operators. */
  readonly error: string | null;
  /** The job that dispatched it as its child. */
  readonly parentId: string | null;
  readonly attempts: number;
  readonly maxAttempts: number;
  readonly createdAt: number;
  readonly scheduledAt: number;
  readonly claimedAt: number | null;
  readonly startedAt: number | null;
  readonly completedAt: number | null;
  readonly failedAt: number | null;
  readonly cancelRequestedAt: number | null;
  readonly cancelledAt: number | null;
  readonly discardedAt: number | null;
}

/** Which jobs a list holds; absent filters match all. Newest first by id, so pages are stable under inserts. */
export interface ListQuery {
  readonly status?: StoredJobStatus;
  readonly type?: string;
  readonly queue?: string;
  readonly owner?: string;
  /** The id of the job whose children to list. */
  readonly parent?: string;
  /** The last id of the page before. */
  readonly before?: string;
  readonly limit: number;
}

/** What a cancellation did: ended the job at once, asked its handler to stop, or found it settled or absent. */
export type CancelResult = "cancelled" | "requested" | "settled" | "not_found";

/** What a person's retry did; `not_settled` covers jobs under way and completed ones, `discarded` is final. */
export type RetryResult = "retried" | "not_settled" | "discarded" | "key_held" | "not_found";

/** What settling in a caller's transaction did; `already`: this very run has settled its job as completed before. */
export type SettleInResult = "completed" | "already" | "stale";

/** The verbs over jobs. All take and return lists where more than one row is natural; a single job is a batch of one. */
export interface JobVerbs {
  /**
   * Inserts jobs and takes their keys, all or none, answering in the order given; duplicates within the batch fold into
   * the first, whose content that of the last is which has `replace`. With `tx` it happens in that transaction, and so does the wake-up.
   */
  insert(args: { jobs: readonly NewJob[]; tx?: unknown }): Promise<InsertResult[]>;
  /**
   * Inserts one job without keys that is due at once, claimed by the worker already (attempt 1, claimNo 1, revision 1):
   * one commit where `insert` and `claim` take two. Answers false where `claim` would take nothing: of a queue that is
   * paused or has a global limit, for a worker that drains, is retired or unknown; the job is then `pending` like any other.
   */
  insertClaimed(args: { job: NewJob; workerId: string }): Promise<boolean>;
  /**
   * Takes up to `limit` due jobs of the queue and of the given types for the worker, most urgent first, oldest first
   * within a type; with `oldestFirst` by due time whatever the priority; with `among` only jobs of these ids, in that order, or
   * of those that a run which waits has dispatched as its children, and of jobs with keys as many as their keys leave. Raises `attempts`, `claimNo` and `revision`.
   * Takes nothing of a queue that is paused, and nothing for a worker that drains. Of a queue with a global limit it takes
   * jobs only where `limits` says so, and never so many that workers hold more of them than the limit allows; the same
   * holds for the jobs of one concurrency key. Those of keyed types come key by key in turn, most urgent and oldest first
   * within a key, and in turn with the other types. A run that waits for its children counts in no limit.
   */
  claim(args: {
    workerId: string;
    queue: string;
    types: readonly string[];
    limit: number;
    oldestFirst: boolean;
    limits?: ClaimLimits;
    among?: readonly string[] | "awaited";
  }): Promise<ClaimedJob[]>;
  /**
   * Tells in how many milliseconds the next job of these becomes due (0 = now), or null if none waits, or none but such as
   * a limit keeps back until another job ends. Changes nothing.
   */
  nextDue(args: { queue: string; types: readonly string[]; limits?: ClaimLimits }): Promise<number | null>;
  /**
   * Writes what runs have to say, in one statement or transaction, each row fenced by (id, claimNo). Answers for every
   * update in the order given. An ended job moves to the table of ended rows; the error of a run that failed enters the
   * history with it.
   */
  update(args: { updates: readonly RunUpdate[] }): Promise<RunUpdateResult[]>;
  /**
   * Ends the job of a run as completed inside the caller's transaction, merging its start, and so does its hint; nothing has
   * happened unless that commits. Fenced by (id, claimNo); until the transaction ends `update` answers `held` for the row.
   * `frees` is as in a `RunUpdate`, and told of at the commit.
   */
  settleIn(args: {
    id: string;
    claimNo: number;
    output: string | null;
    tx: unknown;
    frees?: string;
  }): Promise<SettleInResult>;
  /** Reads what the live path shows; unknown ids are left out. */
  states(args: { ids: readonly string[] }): Promise<JobStateRecord[]>;
  /** Reads whole rows; unknown ids are left out. */
  get(args: { ids: readonly string[] }): Promise<JobRecord[]>;
  /** Reads one page of whole rows, newest first; runs of workflows are left out. */
  list(query: ListQuery): Promise<JobRecord[]>;
  /**
   * Ends jobs that no handler runs; flags running ones. The reason becomes their error. Settled jobs are left alone. What was
   * done, and by whom, enters the history in the same statement or transaction.
   */
  cancel(args: { ids: readonly string[]; reason: string; by?: string }): Promise<CancelResult[]>;
  /**
   * Brings failed, dead and cancelled jobs back to `pending`, due now, with a new budget, error, output and progress
   * cleared, and takes their keys again; one that was discarded or whose key another job holds by now is left alone.
   * The budget is that of the dispatch, or `maxAttempts`. With `delaysMs`, one for each id, they are due so much later. It
   * enters the history in the same transaction.
   */
  retry(args: {
    ids: readonly string[];
    maxAttempts?: number;
    delaysMs?: readonly number[];
    by?: string;
  }): Promise<RetryResult[]>;
}

/** A job that moved; what it says is only a hint, the row is the truth. */
export interface ChangeHint {
  readonly id: string;
  readonly revision: number;
}

/** Where a change was committed: through this very store object, or elsewhere (another process, another handle). */
export type ChangeOrigin = "own" | "foreign";

/** What a store tells about changes. `any` says: something moved, look at everything you watch. */
export interface ChangeListener {
  onAvailable(queues: readonly string[] | "any"): void;
  /** Jobs moved. While no listener has it, a store need not hear of what others move: where much work is done, that is much. */
  onMoved?(hints: readonly ChangeHint[] | "any", origin: ChangeOrigin): void;
  /** Others asked these running jobs to stop. */
  onCancelRequests?(hints: readonly ChangeHint[] | "any"): void;
  /** Whether hints of other processes arrive at present; after a loss, `any` comes before `true`. */
  onLive(live: boolean): void;
  /** What workers are to heed may have changed: settings of queues, or a worker that is to drain. */
  onOrders?(): void;
}

/** The notifying seam. Hints come after commit only, of this process and of others; they may be late, merged or lost. */
export interface Changes {
  /** Adds a listener; the answer removes it. The first one opens what is needed to hear other processes. */
  subscribe(listener: ChangeListener): () => void;
}

/** What a store can do, declared for the conformance suite and for callers that must not guess. */
export interface StoreCapabilities {
  /** Several processes on several hosts may share it. */
  readonly multiHost: boolean;
  /** Hints of other processes name what moved; otherwise they say `any`. */
  readonly namedHints: boolean;
}

/** Facts about the database behind a store. */
export interface StoreIdentity {
  /** Changes whenever known revisions may be void: a restored backup, a failover, a replaced file. */
  readonly epoch: string;
  /** A random key made by the first migration; gateways sign with it. */
  readonly secret: string;
}

/** The clock that tests move: an offset in milliseconds added to the database's time. */
export interface StoreClock {
  offsetMs: number;
}

/**
 * The storing seam: everything the engine asks of a database.
 *
 * Errors are `ForgeError`s: `UNAVAILABLE` for a database that does not answer or a conflict that outlived its retries,
 * `BAD_REQUEST` for data it refuses. No driver's text is in a message; the driver's error is the cause.
 */
export interface Store {
  readonly capabilities: StoreCapabilities;
  readonly jobs: JobVerbs;
  readonly workers: WorkerVerbs;
  readonly queues: QueueVerbs;
  readonly saved: SavedVerbs;
  readonly children: ChildVerbs;
  readonly sweeps: SweepVerbs;
  readonly ended: EndedVerbs;
  readonly history: HistoryVerbs;
  readonly logs: LogVerbs;
  readonly rateLimits: RateLimitVerbs;
  readonly crons: CronVerbs;
  readonly workflows: WorkflowVerbs;
  readonly changes: Changes;
  /** Names the database for people, without its password. */
  readonly address: string;
  /** Brings the schema up to date. Safe to run twice and by two processes at once. */
  migrate(): Promise<void>;
  /** Checks that the schema is up to date, changing nothing. */
  checkSchema(): Promise<void>;
  identity(): Promise<StoreIdentity>;
  /** Asks the database for a sign of life. */
  ping(): Promise<void>;
  /** Ends every connection that this store opened; a pool or handle that was passed in stays open. */
  close(): Promise<void>;
}
