import type { JobDefinition } from "../define.ts";
import type { DispatchOptions, JobOverrides } from "../dispatch.ts";
import type { Logger } from "../logger.ts";
import type {
  ChangeHint,
  ChildCall,
  ChildResult,
  NewJob,
  ParentRun,
  RunMemo,
  Store,
  StepWrite,
  StepWriteResult,
  Undoing,
} from "../store.ts";
import { Batches } from "../worker/batches.ts";
import type { ChildDesk } from "../worker/children.ts";
import { StepWriter, type Written } from "./step-writer.ts";
import type { Tuning } from "./tuning.ts";

/** What a desk is made of. */
export interface RunDeskDeps {
  readonly store: Store;
  readonly log: Logger;
  readonly random: () => number;
  readonly tuning: Tuning;
}

/** What the runs of workflows of this process share: one writer, one reader, and one ear for what others say to them. */
export class RunDesk {
  readonly children: ChildDesk;
  readonly tuning: Tuning;
  readonly #store: Store;
  readonly #writer: StepWriter;
  readonly #loads: Batches<string, RunMemo | null>;
  readonly #watchers = new Map<string, () => void>();
  #unsubscribe: (() => void) | null = null;

  constructor({ store, log, random, tuning }: RunDeskDeps, children: ChildDesk) {
    this.#store = store;
    this.tuning = tuning;
    this.children = children;
    this.#writer = new StepWriter(store.workflows, log, random);
    this.#loads = new Batches(async (ids) => {
      const found = new Map((await store.workflows.load({ ids: [...new Set(ids)] })).map((memo) => [memo.id, memo]));
      return ids.map((id) => found.get(id) ?? null);
    });
  }

  write(write: StepWrite): Promise<Written> {
    return this.#writer.write(write);
  }

  writeLater(write: StepWrite): void {
    this.#writer.writeLater(write);
  }

  writeIn(write: StepWrite, tx: unknown): Promise<StepWriteResult> {
    return this.#store.workflows.recordIn({ write, tx });
  }

  /** What is recorded of a run; null where there is none of this id. */
  load(id: string): Promise<RunMemo | null> {
    return this.#loads.add(id);
  }

  async undo(run: ParentRun & Undoing): Promise<boolean> {
    const [isOurs] = await this.#store.workflows.undo({ runs: [run] });
    return isOurs === true;
  }

  block(args: { run: ParentRun; why: string | null }): Promise<boolean> {
    return this.#store.workflows.block(args);
  }

  /** Checks the input of a child and makes its row; the end of one that is awaited wakes the run of this id. */
  async newChild(job: JobDefinition, input: unknown, options: DispatchOptions, wakes: string | null): Promise<NewJob> {
    const row = await this.children.newChild(job, input, options);
    if (wakes === null) return row;
    const overrides = row.overrides === null ? {} : (JSON.parse(row.overrides) as JobOverrides);
    return { ...row, overrides: JSON.stringify({ ...overrides, wakes } satisfies JobOverrides) };
  }

  /** Whether a job is this run, or one that its parents wait for it to end. */
  isAbove(id: string, runId: string): Promise<boolean> {
    return this.children.isAbove(id, runId);
  }

  dispatch(call: ChildCall): Promise<ChildResult> {
    return this.children.dispatch(call);
  }

  /**
   * Calls `onMoved` when somebody may have said something to the run; the answer ends that. Hints are listened to only while
   * something is watched; one that is lost is made up for when the run is put away.
   */
  watch(id: string, onMoved: () => void): () => void {
    this.#unsubscribe ??= this.#store.changes.subscribe({
      onAvailable: () => {},
      onMoved: (hints) => this.#onMoved(hints),
      onLive: () => {},
    });
    this.#watchers.set(id, onMoved);
    return () => {
      if (this.#watchers.get(id) === onMoved) this.#watchers.delete(id);
      if (this.#watchers.size === 0) this.#leave();
    };
  }

  #onMoved(hints: readonly ChangeHint[] | "any"): void {
    if (hints === "any") for (const onMoved of this.#watchers.values()) onMoved();
    else for (const { id } of hints) this.#watchers.get(id)?.();
  }

  /** Resolves once everything that runs said is written, or found stale. */
  settled(): Promise<void> {
    return this.#writer.settled();
  }

  abandon(): void {
    this.#writer.abandon();
    this.#watchers.clear();
    this.#leave();
  }

  #leave(): void {
    this.#unsubscribe?.();
    this.#unsubscribe = null;
  }
}
