/** Everything the client does to the world outside it. Tests pass their own, so they neither sleep nor replace globals. */
export interface Effects {
  readonly fetch: (url: string, init: RequestInit) => Promise<Response>;
  /** Runs a function once after so many milliseconds, and returns what cancels it. */
  readonly after: (ms: number, run: () => void) => () => void;
  /** A number from 0 up to, not including, 1. */
  readonly random: () => number;
  /** A new UUID. */
  readonly uuid: () => string;
  /** The page that the stores live in; null on a server, where nothing starts by itself. */
  readonly page: Page | null;
}

/** A page, its window: what tells of its life, and whether it is seen. */
interface Page extends Pick<EventTarget, "addEventListener"> {
  readonly document: { readonly hidden: boolean };
}

/** The effects of the runtime: global fetch, timers and randomness, and the page if there is a `document`. */
export function runtimeEffects(): Effects {
  return {
    // Looked up at each call, so that a fetch replaced later (Mock Service Worker, instrumentation) is used.
    fetch: (url, init) => fetch(url, init),
    after: (ms, run) => {
      const timer = setTimeout(run, ms);
      return () => clearTimeout(timer);
    },
    random: Math.random,
    uuid: randomUuid,
    page: typeof document === "undefined" ? null : window,
  };
}

// `crypto.randomUUID` exists in secure contexts only, and a phone often reaches a development server over plain http.
// Object URLs end in a new UUID everywhere, by the File API's specification.
function randomUuid(): string {
  const url = URL.createObjectURL(new Blob());
  URL.revokeObjectURL(url);
  return url.slice(-36);
}
