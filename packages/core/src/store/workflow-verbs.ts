import type { ParentRun } from "./child-verbs.ts";
import type { RunActVerbs } from "./run-act-verbs.ts";
import type { RunListVerbs } from "./run-list-verbs.ts";
import type { JobRecord, JobStateRecord } from "../store.ts";

/** What a step of a run is: work of its own, a wait for a time or an event, a child, or the undoing of another step. */
export type StepKind = "step" | "sleep" | "event" | "job" | "workflow" | "undo";

/** What is recorded of a step. `running` may also wait: for its time, its event, its child or its next attempt. */
export type StoredStepStatus = "running" | "completed" | "failed" | "compensated" | "skipped";

/** Why a step failed. */
export interface StepError {
  readonly error: string;
  readonly errorName: string | null;
  readonly publicError: string;
}

/** A step as it is recorded. Instants are milliseconds since 1970 by the store's clock. */
export interface StepRecord {
  /** Names it in its run, and is its memo: a run that comes to it again finds what is recorded under it. */
  readonly key: string;
  readonly kind: StepKind;
  readonly status: StoredStepStatus;
  /** The order in which steps were first asked for, from 1. */
  readonly ord: number;
  /** The order in which steps ended, from 1: the order in which a replay hands their results out. Null until then. */
  readonly seq: number | null;
  /** Which attempt it is or was, from 1. */
  readonly attempt: number;
  /** JSON text. */
  readonly output: string | null;
  readonly failure: StepError | null;
  /**
   * When its wait is over: the end of a sleep, the deadline of an event, the next attempt. Once written it stands; only work
   * (`step`, `undo`) waits anew: in its next attempt, or where it is put off again once this is past.
   */
  readonly dueAt: number | null;
  readonly childId: string | null;
  /** Whether the code gave a way to undo it when it was recorded. */
  readonly hasUndo: boolean;
  readonly startedAt: number;
  readonly endedAt: number | null;
}

/** What a run has to say of one of its steps. */
export interface StepWrite {
  readonly run: ParentRun;
  readonly key: string;
  readonly kind: StepKind;
  readonly status: StoredStepStatus;
  readonly ord: number;
  readonly seq: number | null;
  readonly attempt: number;
  readonly output: string | null;
  readonly failure: StepError | null;
  /** When its wait is to be over; null: it waits for no time. */
  readonly due: { readonly inMs: number } | { readonly atMs: number } | null;
  readonly childId: string | null;
  readonly hasUndo: boolean;
  /** The signal that this event is; the recorded step consumes it. */
  readonly signal: { readonly name: string; readonly signalId: string } | null;
}

/**
 * What became of one `StepWrite`.
 *
 * `written`: recorded as said. `adopted`: an end of this step is recorded already, which stands; it may be that of an earlier
 * send of the same. `stale`: another claim owns the run or it has ended; nothing was changed. `held`: somebody else has the
 * run's row locked; send it again.
 */
export type StepWriteResult =
  | { readonly kind: "written" | "adopted"; readonly step: StepRecord; readonly cancelRequested: boolean }
  | { readonly kind: "stale" }
  | { readonly kind: "held" };

/** A signal that no step has consumed. */
export interface PendingSignal {
  readonly name: string;
  readonly signalId: string;
  /** JSON text. */
  readonly payload: string;
}

/** How a child that a run waits for stands. */
export interface ChildEnd {
  readonly id: string;
  readonly status: "completed" | "failed" | "compensated" | "dead_letter" | "cancelled" | "deleted";
  /** JSON text. */
  readonly output: string | null;
  readonly failure: StepError | null;
}

/** Why a run is being undone, and how it ends once it is. */
export interface Undoing {
  readonly failure: StepError;
  readonly endsAs: "failed" | "cancelled";
}

/** All that a worker needs to go on with a run. */
export interface RunMemo {
  readonly id: string;
  /** How often the run was woken: suspending names it, so that a wake-up in between is not lost. */
  readonly wakes: number;
  /** The store's time at this read. */
  readonly now: number;
  /** When the run's time is up; null: never. */
  readonly timeoutAt: number | null;
  readonly undoing: Undoing | null;
  /** In the order of `ord`. */
  readonly steps: readonly StepRecord[];
  /** In the order in which they came. */
  readonly signals: readonly PendingSignal[];
  /** Of children whose end is not recorded in their step: those that have ended. */
  readonly ended: readonly ChildEnd[];
}

/** What watchers and operators are told of a run besides its job's row. */
export interface RunState {
  /** No worker has ever taken it up. */
  readonly neverClaimed: boolean;
  readonly timeoutAt: number | null;
  /** The names that its definition gave for a stepper. */
  readonly declared: readonly string[] | null;
  /** What it sleeps on; null while it does not sleep. */
  readonly waitingFor: string | null;
  readonly undoing: Undoing | null;
  /** Whether it was undone, all of it. */
  readonly isUndone: boolean;
  /** Why it cannot go on without a person; null while it can. */
  readonly blocked: string | null;
  readonly steps: readonly StepRecord[];
}

/** A run's row, for the live path. */
export type RunStateRecord = JobStateRecord & RunState;

/** A run's whole row. */
export type RunRecord = JobRecord & RunState;

/** A signal to a run. */
export interface NewSignal {
  readonly runId: string;
  readonly name: string;
  /** Two signals of one name with the same id are one. */
  readonly signalId: string;
  /** JSON text. */
  readonly payload: string;
  readonly by?: string;
}

/** What became of a signal; `duplicate`: the run has it already. */
export type SignalResult = "accepted" | "duplicate" | "settled" | "not_found";

/** The verbs over runs of workflows; their rows are jobs', and all verbs over jobs hold for them. */
export interface WorkflowVerbs extends RunActVerbs, RunListVerbs {
  /**
   * Records steps of runs, each fenced by (id, claimNo), all steps of all runs in one statement or transaction; raises the
   * revisions of the runs. A step whose end is recorded stays as it is, but for `completed` becoming `compensated`, which
   * changes nothing else of it. What a write says of its signal holds only if it is the one to record the step: the signal is
   * consumed by it.
   */
  record(args: { writes: readonly StepWrite[] }): Promise<StepWriteResult[]>;
  /** The same for one step inside the caller's transaction, and so does its hint. The run's row is locked until that ends. */
  recordIn(args: { write: StepWrite; tx: unknown }): Promise<StepWriteResult>;
  /** Reads what is recorded of runs; unknown ids are left out. `wakes` is read before all else. */
  load(args: { ids: readonly string[] }): Promise<RunMemo[]>;
  /** Turns runs round, each fenced by (id, claimNo): from here on they are undone. Answers whether the run still held its row. */
  undo(args: { runs: readonly (ParentRun & Undoing)[] }): Promise<boolean[]>;
  /** Notes that a run cannot go on without a person, fenced by (id, claimNo), or that it can again (null). */
  block(args: { run: ParentRun; why: string | null }): Promise<boolean>;
  /** Gives signals to runs and wakes them; a signal that comes early waits for the run to ask for it. */
  signal(args: { signals: readonly NewSignal[] }): Promise<SignalResult[]>;
  /** Reads what the live path shows; unknown ids and those of jobs are left out. */
  states(args: { ids: readonly string[] }): Promise<RunStateRecord[]>;
  /** Reads whole runs; unknown ids and those of jobs are left out. */
  get(args: { ids: readonly string[] }): Promise<RunRecord[]>;
}
