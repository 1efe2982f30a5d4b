import type { StepKind, StepRecord, StepWrite } from "../store.ts";
import type { Episode } from "./episode.ts";
import type { Scope } from "./scope.ts";

/** What code waits for, as it is recorded. */
export interface Waiting {
  readonly key: string;
  readonly kind: Extract<StepKind, "sleep" | "event" | "job" | "workflow">;
  /** What the run waits for, for people. */
  readonly label: string;
  readonly due: StepWrite["due"];
  readonly childId: string | null;
  /** How it ends once its time has come; null: by nothing but what is looked for. */
  readonly onDue: EndOfWait | null;
  /** Looks for what ends it among what was read last; null: it is not there. */
  readonly look: () => EndOfWait | null;
  /** What it found is of no use after all. */
  readonly giveBack?: (how: EndOfWait) => void;
  /** Whether what ends it may have been read before it was recorded, and has to be read again. */
  readonly isUnread?: () => boolean;
  /** How often to look, where nobody tells the run; null: somebody does. */
  readonly pollMs?: number | null;
}

/** What is recorded at the end of a wait. */
export type EndOfWait = Pick<StepWrite, "status"> & Partial<Pick<StepWrite, "output" | "failure" | "signal">>;

/**
 * Waits until a wait has ended, and answers its record; never, where the run is put away before that, or the scope closed.
 *
 * That it began is recorded first, with its deadline, which stands from then on.
 */
export async function waited(
  episode: Episode,
  scope: Scope,
  waiting: Waiting,
  recorded: StepRecord | undefined,
): Promise<StepRecord> {
  const ord = recorded?.ord ?? episode.memo.nextOrd();
  const write = (what: Partial<StepWrite> & Pick<StepWrite, "status">): Promise<StepRecord> =>
    episode.write({
      key: waiting.key,
      kind: waiting.kind,
      ord,
      seq: null,
      attempt: 1,
      output: null,
      failure: null,
      due: null,
      childId: waiting.childId,
      hasUndo: false,
      signal: null,
      ...what,
    });
  const end = (how: EndOfWait): Promise<StepRecord> => write({ ...how, seq: episode.memo.nextSeq() });

  const there = waiting.look();
  if (there !== null) return end(there);
  const begun = recorded ?? (await write({ status: "running", due: waiting.due }));
  if (begun.status !== "running") return begun;
  if (scope.isClosed) return await write({ status: "skipped" });
  if (!episode.isForward) return await episode.refused();

  const over = Promise.withResolvers<EndOfWait | null>();
  let isOver = false;
  const finish = (how: EndOfWait | null): void => {
    isOver = true;
    over.resolve(how);
  };
  // What is found is taken: nothing is looked for once the wait is over.
  const look = (): void => {
    const how = isOver ? null : waiting.look();
    if (how !== null) finish(how);
  };
  const forget = episode.wait(waiting.key, {
    label: waiting.label,
    dueAt: begun.dueAt,
    onDue: () => finish(isOver ? null : waiting.onDue),
    onRead: waiting.kind === "sleep" ? undefined : look,
    pollMs: waiting.pollMs ?? null,
  });
  const stay = scope.whenClosed(() => finish(null));
  // What came between the first look and now was read before there was a wait to tell.
  look();
  if (!isOver && waiting.isUnread?.() === true) await episode.read();
  const how = await over.promise;
  const release = episode.hold();
  forget();
  stay();
  try {
    if (!scope.isClosed) return await end(how!);
    // A race was lost: nothing is to wake the run for it, and what it found is there for others.
    if (how !== null) waiting.giveBack?.(how);
    return await write({ status: "skipped" });
  } finally {
    release();
  }
}
