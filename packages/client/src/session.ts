import type { ConnectedEvent, StatesData, SubscribeRequest } from "@forge-jobs/protocol";
import type { ClientCore } from "./client-core.ts";
import { THROUGH_WITHIN_MS } from "./times.ts";
import { idOf, setCarried, takeChanges } from "./watched.ts";

/** Keeps what one open stream carries equal to what is watched. */
export interface Session {
  /** Asks for what has changed since, unless a change is under way: then it goes with the next. */
  readonly flush: () => void;
  /** Hears that the stream carries change `n`. */
  readonly subscribed: (n: number) => void;
}

/**
 * Creates the session of a stream, which is aborted where the gateway does not take its changes: by the delay that it asks
 * for, if it does.
 *
 * One change is in flight at a time; what changes meanwhile collects into the next. A change is through when the stream
 * has acknowledged it and its answer, which holds the first states, has arrived too; without both within 2 s it is sent
 * again under the same number.
 */
export function createSession(
  { sessionId, sessionSecret }: ConnectedEvent,
  stream: AbortController,
  { after, call, all, receive }: ClientCore,
): Session {
  let n = 0;
  let change: SubscribeRequest | null = null;
  let isAcknowledged = false;
  let isAnswered = false;

  let cancelRepeat = (): void => {};

  const send = async (): Promise<void> => {
    cancelRepeat();
    const sent = change;
    if (!sent || stream.signal.aborted) return;
    cancelRepeat = after(THROUGH_WITHIN_MS, () => void send());
    const answer = await call<StatesData>("/subscribe", JSON.stringify(sent));
    if (change !== sent || stream.signal.aborted) return;
    if (answer.success) {
      for (const state of answer.data.states) {
        // The stream may have overtaken this answer: what it has shown was found meanwhile.
        const isOvertaken = state.status === "not_found" && all.get(idOf(state))?.revision;
        if (!isOvertaken) receive(state);
      }
      isAnswered = true;
      proceed();
    } else if (answer.error.code !== "UNAVAILABLE") stream.abort(answer.error.retryAfterMs);
  };

  const proceed = (): void => {
    if (!isAcknowledged || !isAnswered) return;
    change = null;
    flush();
  };

  const flush = (): void => {
    if (change) return;
    const { add, remove } = takeChanges(all, stream);
    if (!add.length && !remove.length) return;
    change = { sessionId, sessionSecret, n: ++n, add, remove };
    isAcknowledged = isAnswered = false;
    void send();
  };

  return {
    flush,
    subscribed: (of) => {
      if (of !== change?.n) return;
      isAcknowledged = true;
      setCarried(all);
      proceed();
    },
  };
}
