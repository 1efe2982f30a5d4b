import type { JobDefinition } from "../define.ts";
import { ForgeError } from "../errors.ts";
import type { Logger } from "../logger.ts";
import type { JobAborted } from "../outcomes.ts";
import type { ClaimedJob, JobVerbs, Outcome } from "../store.ts";
import { checkedOutput } from "./handler-values.ts";
import { outputJson } from "./verdict.ts";

/** What a job is completed with. */
export interface Completion {
  readonly output: unknown;
  readonly outcome: Extract<Outcome, { kind: "completed" }>;
}

/** What settling in a transaction needs of its run. */
export interface SettleInParts {
  readonly job: ClaimedJob;
  readonly definition: JobDefinition;
  readonly log: Logger;
  readonly settleIn: JobVerbs["settleIn"];
  /** The queue in which the end of this job makes room under a limit. */
  readonly frees: () => string | undefined;
  readonly hasEnded: () => boolean;
  /** Whether what the run says still counts. */
  readonly counts: () => boolean;
  /** The fence refused the run; answers what its signal has aborted with. */
  readonly onStale: () => Promise<JobAborted>;
}

/**
 * A run's way to settle in a transaction of its handler's.
 *
 * Whether that transaction commits is not told to this process: from the first success on, the row itself has to be asked.
 */
export class SettleIn {
  readonly #parts: SettleInParts;
  #settled: Completion | null = null;

  constructor(parts: SettleInParts) {
    this.#parts = parts;
  }

  /** With what the job may be settled by now, as far as this process knows. */
  get completion(): Completion | null {
    return this.#settled;
  }

  /** See `JobContext.settleIn`. */
  async settle(tx: unknown, output: unknown): Promise<void> {
    const { job, definition, hasEnded, counts, settleIn, onStale } = this.#parts;
    const checked = await checkedOutput(definition, output);
    const json = outputJson(this.#parts, checked);
    if (hasEnded()) throw new ForgeError("CONFLICT", `This run of ${job.type} has ended; it settles nothing any more.`);
    if (!counts() && this.#settled === null) throw await onStale();
    const frees = this.#parts.frees();
    const run = { id: job.id, claimNo: job.claimNo, output: json, tx };
    const result = await settleIn(frees === undefined ? run : { ...run, frees });
    if (result === "stale") throw await onStale();
    if (result === "already") {
      throw new ForgeError("CONFLICT", `This run of ${job.type} has settled its job before; call settleIn once.`);
    }
    this.#settled = { output: checked, outcome: { kind: "completed", output: json } };
  }
}

/** Why a run starts anew whose handler returned although its transaction took back that it had settled. */
export class SettledInVain extends Error {
  override readonly name: string = "SettledInVain";

  constructor() {
    super(
      "The handler returned, but the transaction that settleIn was called in did not commit; await it, and let its error through.",
    );
  }
}
