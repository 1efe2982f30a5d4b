/** Sizes in bytes of UTF-8 and counts that both sides of the wire hold to. */
export interface Limits {
  /** A job's serialised input, and its output. */
  readonly valueBytes: number;
  /** A progress message; longer ones are cut on a code point. */
  readonly messageBytes: number;
  /** A public error sentence; longer ones are cut on a code point. */
  readonly errorBytes: number;
  /** A state on the stream; a larger one goes out as `partial`. */
  readonly stateBytes: number;
  /** Ids in one `GET /_api/events?job=`. */
  readonly eventsJobs: number;
  /** Ids in one list of a request's body. */
  readonly watchIds: number;
}

const KIB = 1024;

/** The limits of this protocol version. */
export const LIMITS: Limits = {
  valueBytes: 1024 * KIB,
  messageBytes: KIB,
  errorBytes: 4 * KIB,
  stateBytes: 64 * KIB,
  eventsJobs: 50,
  watchIds: 1_000,
};
