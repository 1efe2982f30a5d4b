import type { JobStateRecord } from "@forge-jobs/core";
import { LIMITS, type Snapshot } from "@forge-jobs/protocol";
import { type Frame, frame } from "./sse/frame.ts";

/** A state of one revision, encoded for every session that watches its row. */
export interface StateFrame extends Frame {
  readonly revision: number;
}

/** One row as one read saw it, in the forms in which it leaves the server; each is made at most once. */
export abstract class StateView<State extends Snapshot = Snapshot> {
  /** What the row is of; also the name of its event. */
  abstract readonly kind: "job" | "workflow";
  abstract readonly record: JobStateRecord;
  #snapshot: State | null = null;
  #frame: StateFrame | null = null;

  get revision(): number {
    return this.record.revision;
  }

  /** The whole state. */
  abstract whole(): State;

  /** The state as it fits into lists and the stream: without what makes it too large, and marked so. */
  bounded(): State {
    return (this.#snapshot ??= this.bound());
  }

  /** The event that says `bounded()`. */
  frame(): StateFrame {
    return (this.#frame ??= { revision: this.revision, ...frame(this.kind, this.bounded()) });
  }

  protected abstract bound(): State;
}

/** Whether a state may go out on the stream as it is. */
export function fits(snapshot: Snapshot): boolean {
  return Buffer.byteLength(JSON.stringify(snapshot)) <= LIMITS.stateBytes;
}
