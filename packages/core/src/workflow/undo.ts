import { retryPolicy } from "../retry-policy.ts";
import type { StepRecord } from "../store.ts";
import { attempts } from "./attempts.ts";
import type { Episode } from "./episode.ts";
import { firmly } from "./firmly.ts";
import { never } from "./never.ts";
import { UNDO_MARK } from "./step-names.ts";
import type { StepInfo } from "./workflow-context.ts";

/** Undoes a step, given what it returned. */
export type UndoStep = (output: unknown, step: StepInfo) => unknown;

/**
 * Undoes what is recorded of a run, the last step first, each undo a step of its own that is recorded and repeated.
 *
 * One that runs out of attempts lets the others go on. One that the code does not offer any more keeps those before it from
 * being undone, until a person records it as done.
 */
export class Undo {
  readonly #episode: Episode;

  constructor(episode: Episode) {
    this.#episode = episode;
  }

  /** Resolves with whether everything is undone; never, where the run is put away before that. */
  async run(): Promise<boolean> {
    let isUndone = true;
    for (const step of this.#episode.memo.toUndo()) {
      if (!this.#episode.isUndoing) return await this.#episode.refused();
      if (!(await this.#undo(step))) isUndone = false;
    }
    return isUndone;
  }

  async #undo(step: StepRecord): Promise<boolean> {
    const { memo, undos, link } = this.#episode;
    const key = UNDO_MARK + step.key;
    const recorded = memo.step(key);
    if (recorded?.status === "failed") return false;
    if (recorded?.status !== "completed") {
      const undo = undos.get(step.key);
      if (undo === undefined) return await this.#block(step.key);
      const output: unknown = step.output === null ? undefined : JSON.parse(step.output);
      const work = {
        key,
        kind: "undo",
        ord: recorded?.ord ?? memo.nextOrd(),
        fn: (info: StepInfo) => undo(output, info),
        retry: retryPolicy(null, {}, {}),
        timeoutMs: null,
        atMostOnce: false,
        hasUndo: false,
        signal: link.signal,
        isGivenUp: () => false,
      } as const;
      if ((await attempts(this.#episode, work, recorded)).status !== "completed") return false;
    }
    await this.#episode.write({
      key: step.key,
      kind: step.kind,
      status: "compensated",
      ord: step.ord,
      seq: step.seq,
      attempt: step.attempt,
      output: step.output,
      failure: null,
      due: null,
      childId: step.childId,
      hasUndo: true,
      signal: null,
    });
    return true;
  }

  async #block(key: string): Promise<never> {
    const { link } = this.#episode;
    const why = `The code offers no way to undo ${key} any more. Undo it by hand, and record that with skipStep(id, "${UNDO_MARK}${key}").`;
    link.log.error("A run that is being undone cannot go on without a person", {
      runId: link.job.id,
      workflow: link.job.type,
      step: key,
    });
    const release = this.#episode.hold();
    const run = { id: link.job.id, claimNo: link.job.claimNo };
    await firmly(() => link.desk.block({ run, why }), link).finally(release);
    this.#episode.putAwayBlocked();
    return await never();
  }
}
