import type { Snapshot, WireResult } from "@forge-jobs/protocol";
import type { Effects } from "./effects.ts";
import type { Http } from "./http.ts";
import type { Pauses } from "./pauses.ts";
import type { AllWatched } from "./watched.ts";

/** What the connection and the stores of one client share. */
export interface ClientCore extends Effects, Http, Pauses {
  readonly all: AllWatched;
  /** Applies a state that the gateway has sent, whichever way. */
  readonly receive: (snapshot: Snapshot) => void;
  /**
   * Sends a request until its answer is another than `UNAVAILABLE`, with backoff between; `onUnreachable` runs after each
   * attempt that failed. Once the client has ended, the last failure is the answer.
   */
  readonly untilAnswered: <Data>(
    path: string,
    json: string | null,
    onUnreachable?: () => void,
  ) => Promise<WireResult<Data>>;
}
