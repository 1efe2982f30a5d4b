import type { ForgeContext, JobRateLimit } from "../context.ts";
import type { JobDefinition } from "../define.ts";
import type { Forge, Jobs } from "../forge-types.ts";
import type { HookRunner } from "../hook-runner.ts";
import type { Logger } from "../logger.ts";
import type { JobMail } from "../mail/mailer.ts";
import type { QueueBackoff } from "../retry-policy.ts";
import type { ClaimedJob, JobVerbs, RunUpdate } from "../store.ts";
import type { RunDesk } from "../workflow/run-desk.ts";
import type { ChildDesk } from "./children.ts";
import type { UpdateSource } from "./flusher.ts";
import type { LogWriter } from "./job-log.ts";
import type { Run } from "./run.ts";
import type { SavedBatches } from "./saved.ts";
import type { SlotLane } from "./slot-loan.ts";
import type { Staleness } from "./why-stale.ts";

/** What a run asks of the worker around it. */
export interface RunHost {
  readonly log: Logger;
  readonly random: () => number;
  readonly context: ForgeContext;
  readonly dispatch: Forge["dispatch"];
  readonly jobs: Jobs;
  /** What this queue says about the waits of its jobs. */
  readonly queueBackoff: (queue: string) => QueueBackoff | null;
  readonly saved: SavedBatches;
  readonly logs: LogWriter;
  readonly settleIn: JobVerbs["settleIn"];
  /** Makes the `ctx.mail` of a run. */
  mail(signal: () => AbortSignal): JobMail;
  readonly hooks: HookRunner;
  readonly definitionOf: (name: string) => JobDefinition | undefined;
  /** Makes the `ctx.rateLimit` of a run. */
  rateLimit(jobId: string, signal: () => AbortSignal): JobRateLimit;
  readonly children: ChildDesk;
  /** What runs of workflows share. */
  readonly runs: RunDesk;
  /** Whether the end of this job makes room under a limit. */
  isLimited(job: ClaimedJob): boolean;
  /** Where the run has its slot. */
  lane(run: Run): SlotLane;
  /** The run begins to wait for children, its slot lent, or has its slot back. */
  onWaiting(run: Run, isWaiting: boolean): void;
  push(update: RunUpdate, source: UpdateSource): void;
  /** The handler has ended, or is given up on while it still runs (`zombie`). Called once. */
  freeSlot(run: Run, zombie: boolean): void;
  /** Whether one more handler that outlived its grace may be left running beside the slots. */
  mayAbandon(run: Run): boolean;
  /** A handler that was given up on has ended after all. */
  zombieEnded(run: Run): void;
  /** Never rejects. */
  whyStale(run: Run): Promise<Staleness>;
  /** Nothing more is to be written for this run. */
  release(run: Run): void;
}
