// No imports here: bundlers write the values of such a module where they are used, and drop their names.

/** A request without an answer for this long counts as lost; a half-open connection would hold it for minutes. */
export const ANSWER_WITHIN_MS = 30_000;

/** A stream that has not said `connected` for this long is held back on the way, or not reached. */
export const CONNECTED_WITHIN_MS = 5_000;

/** A stream is given up after the silence of so many heartbeats. */
export const SILENT_HEARTBEATS = 2.5;

/** A change of watches is sent again when it is not acknowledged within this time. */
export const THROUGH_WITHIN_MS = 2_000;

/** The connection closes this long after the last watch has ended. */
export const LINGER_MS = 5_000;

/** A store that nothing holds lets go of its job after this time. */
export const UNUSED_MS = 5_000;

/** The first and the highest ceiling of the backoff. */
export const FIRST_BACKOFF_MS = 500;
export const LONGEST_BACKOFF_MS = 30_000;

/** Between polls, until a gateway has said otherwise. */
export const DEFAULT_POLL_MS = 2_000;

/** So many streams in a row may bring nothing, while polls are answered, until the next is tried a minute later only. */
export const FRUITLESS_STREAMS = 3;
export const STREAM_AGAIN_MS = 60_000;

/** A page that is hidden for this long gives its stream up, and polls. */
export const ASLEEP_AFTER_MS = 300_000;
export const ASLEEP_POLL_MS = 30_000;
