import { PROTOCOL_VERSION, type StatesData, type WireError, type WireEvents } from "@forge-jobs/protocol";
import { createBackoff } from "./backoff.ts";
import type { ClientCore } from "./client-core.ts";
import { readEnvelope } from "./http.ts";
import type { ConnectionStatus } from "./view.ts";
import { createSession, type Session } from "./session.ts";
import { readStream } from "./stream.ts";
import {
  ASLEEP_AFTER_MS,
  ASLEEP_POLL_MS,
  CONNECTED_WITHIN_MS,
  DEFAULT_POLL_MS,
  FRUITLESS_STREAMS,
  LINGER_MS,
  SILENT_HEARTBEATS,
  STREAM_AGAIN_MS,
} from "./times.ts";
import {
  forgetRevisions,
  isSettled,
  MOST_IDS,
  notify,
  refuse,
  setCarried,
  takeChanges,
  type Watched,
} from "./watched.ts";

/**
 * The one connection of a client, which carries all its watches: a loop of streams or polls, with a pause after each.
 *
 * Modes:
 * - idle: nothing is watched. Left at the first watch; entered 5 s after the last.
 * - streaming: a stream is opened and read until it ends, breaks, has not said `connected` within 5 s, is silent for 2.5
 *   heartbeats or says `goaway`. The next follows after the backoff's delay or the one that the gateway asked for, and at
 *   once when the page comes online or is shown.
 * - polling: a stream has brought nothing, and a poll is answered: something on the way holds streams back. Polls go on
 *   every `pollMs`; streams are tried again, after the third in a row each minute. Left when one brings something or a
 *   poll fails.
 * - asleep: the page has been hidden for 5 minutes. What is unfinished is polled every 30 s. Left when it is visible.
 * - away: the page is gone or in the back-forward cache. Left when it is shown.
 * - ended: by `end`, or because the gateway does not serve this protocol. Never left.
 */
export interface Connection {
  readonly statusOf: (watched: Watched) => ConnectionStatus;
  /** Hears that a watch was added or removed. */
  readonly watchesChanged: () => void;
  readonly end: () => void;
}

/** Creates the connection of a client; it opens by itself at the first watch. */
export function createConnection(core: ClientCore): Connection {
  const { after, page, random, send, call, pause, wake, all, receive } = core;
  const life = new AbortController();
  let status: ConnectionStatus = "connecting";
  /** The stream or poll under way. Where it is aborted by a number, the next follows after so many milliseconds. */
  let current = life;
  let session: Session | null = null;
  let epoch = "";
  let pollMs = DEFAULT_POLL_MS;
  /** Polls since a stream has brought something. */
  let polls = 0;
  let nextDelay = createBackoff(random);
  let isRunning = false;
  let isAsleep = false;
  let isAway = false;
  let unsupported: WireError | null = null;
  let cancelLinger = (): void => {};
  let cancelSleep = (): void => {};

  const show = (next: ConnectionStatus): void => {
    status = next;
    notify(all);
  };

  const restart = (): void => {
    current.abort(0);
    wake();
  };

  const refuseAll = (error: WireError): void => {
    all.forEach((watched) => {
      if (unsupported ? !isSettled(watched) : !watched.state) refuse(watched, error);
    });
    notify(all);
  };

  /** Reads one stream to its end, and returns what the gateway said against it, or whether it brought anything. */
  const stream = async (ending: AbortController): Promise<WireError | boolean> => {
    let result: WireError | boolean = false;
    let silenceMs = 0;
    let disarm = after(CONNECTED_WITHIN_MS, () => ending.abort());

    const stayAlive = (): void => {
      // Until it is connected its bytes prove nothing: a proxy may pad what it holds back.
      if (!silenceMs) return;
      disarm();
      disarm = after(silenceMs, () => ending.abort());
    };

    const handlers: { readonly [Name in keyof WireEvents]?: (data: WireEvents[Name]) => void } = {
      connected: (connected) => {
        // The gateway has compared with revisions of the other database, so all of it is asked for anew.
        if (epoch && epoch !== connected.epoch) forgetRevisions(all);
        ({ epoch, pollMs } = connected);
        silenceMs = SILENT_HEARTBEATS * connected.heartbeatMs;
        stayAlive();
        session = createSession(connected, ending, core);
        status = "live";
        setCarried(all);
        watchesChanged();
      },
      goaway: ({ retryMs }) => ending.abort(retryMs),
      problem: (problem) => {
        result = problem;
        ending.abort();
      },
      job: receive,
      workflow: receive,
      subscribed: ({ n }) => session?.subscribed(n),
      status: ({ stale }) => show(stale ? "stale" : "live"),
    };

    try {
      const body = JSON.stringify({ watch: takeChanges(all, ending).add });
      const response = await send(`/events?v=${PROTOCOL_VERSION}`, body, ending.signal);
      if (response.ok) {
        await readStream(response.body!, stayAlive, (name, data) => {
          if (ending.signal.aborted) return;
          result = silenceMs > 0;
          (handlers as Record<string, (data: unknown) => void>)[name]?.(JSON.parse(data));
        });
      } else {
        const answer = await readEnvelope(response);
        if (!answer.success) result = answer.error;
      }
    } catch {
      // Unreachable, broken off or aborted: the result says how far it came.
    }
    disarm();
    session = null;
    // Ends its session's requests, too.
    ending.abort();
    return result;
  };

  /** Streams or polls once, and returns the milliseconds to pause. */
  const step = async (): Promise<number> => {
    let result: WireError | boolean = false;
    if (!isAsleep && (polls < FRUITLESS_STREAMS || (polls * pollMs) % STREAM_AGAIN_MS < pollMs)) {
      result = await stream((current = new AbortController()));
      if (result === true) {
        polls = 0;
        nextDelay = createBackoff(random);
      }
      if (result === true || current.signal.reason >= 0) {
        show("connecting");
        return nextDelay();
      }
    }
    if (!result) {
      const watch = [...all.values()].filter((watched) => watched.listeners.size && !(isAsleep && isSettled(watched)));
      if (!watch.length) return isAsleep ? ASLEEP_POLL_MS : 0;
      current = new AbortController();
      const answer = await call<StatesData>(
        "/poll",
        JSON.stringify({ watch: watch.slice(0, MOST_IDS) }, ["watch", "id", "revision"]),
        current,
      );
      if (current.signal.reason === 0) return 0;
      if (answer.success) {
        answer.data.states.forEach(receive);
        show("polling");
        polls++;
        return isAsleep ? ASLEEP_POLL_MS : pollMs;
      }
      result = answer.error;
    }
    const { code, retryAfterMs = 0 } = result;
    if (code === "PROTOCOL_UNSUPPORTED") unsupported = result;
    // What may be over at the next attempt is no refusal.
    if (!/^(UNAVAILABLE|RATE_LIMITED|INTERNAL)$/.test(code)) refuseAll(result);
    if (unsupported) end();
    show("offline");
    polls = 0;
    return isAsleep ? ASLEEP_POLL_MS : nextDelay() + retryAfterMs;
  };

  const isWatched = (): boolean => [...all.values()].some(({ listeners }) => listeners.size);

  const isWanted = (): boolean => isWatched() && !isAway && !life.signal.aborted;

  const run = async (): Promise<void> => {
    if (isRunning) return;
    isRunning = true;
    while (isWanted()) {
      const delay = await step();
      const { reason } = current.signal;
      await pause(reason >= 0 ? reason : delay);
    }
    isRunning = false;
    show("connecting");
  };

  const watchesChanged = (): void => {
    cancelLinger();
    if (unsupported) refuseAll(unsupported);
    else if (!isWatched()) cancelLinger = after(LINGER_MS, restart);
    else if (session) session.flush();
    else void run();
  };

  const end = (): void => {
    life.abort();
    cancelLinger();
    cancelSleep();
    restart();
    notify(all);
  };

  const onPage = ({ type }: { readonly type: string }): void => {
    const isHidden = page!.document.hidden;
    if (!isHidden) cancelSleep();
    if (type === "pagehide") {
      isAway = true;
      restart();
    } else if (type === "visibilitychange" && isHidden) {
      cancelSleep = after(ASLEEP_AFTER_MS, () => {
        isAsleep = true;
        restart();
      });
    } else {
      isAway = false;
      polls = 0;
      // A stream from before the network went away will not be heard of again.
      if (isAsleep || type === "online") restart();
      else wake();
      isAsleep &&= isHidden;
      void run();
    }
  };

  if (page) {
    // `visibilitychange` is fired at the document and bubbles.
    for (const type of ["online", "pageshow", "pagehide", "visibilitychange"]) {
      page.addEventListener(type, onPage, { signal: life.signal });
    }
    // It may have been opened in the background.
    onPage({ type: "visibilitychange" });
  }

  return {
    statusOf: ({ carriedBy }) => {
      if (life.signal.aborted) return "closed";
      return status === "live" && carriedBy !== current ? "connecting" : status;
    },
    watchesChanged,
    end,
  };
}
