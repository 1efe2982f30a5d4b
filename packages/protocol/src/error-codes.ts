/** A code of the closed table. */
export type ErrorCode =
  | "BAD_REQUEST"
  | "INVALID_ARGS"
  | "UNAUTHENTICATED"
  | "FORBIDDEN_ORIGIN"
  | "NOT_FOUND"
  | "CONFLICT"
  | "KEY_HELD"
  | "TOO_LARGE"
  | "PROTOCOL_UNSUPPORTED"
  | "RATE_LIMITED"
  | "INTERNAL"
  | "UNAVAILABLE";

/** One row of the table of error codes: its HTTP status, and what it tells the caller. */
export interface ErrorCodeRow {
  readonly status: number;
  readonly meaning: string;
}

/**
 * The closed table of error codes that the gateway answers with. Docs and types are tested equal to it.
 *
 * A code is the contract; the sentence that travels with it is for people and may change.
 */
export const ERROR_CODES: Readonly<Record<ErrorCode, ErrorCodeRow>> = {
  BAD_REQUEST: {
    status: 400,
    meaning: "The request is not of the documented shape: malformed JSON, or an id that is no UUID.",
  },
  INVALID_ARGS: {
    status: 400,
    meaning: "The input schema of the job or workflow refuses the arguments; `details` lists the issues.",
  },
  UNAUTHENTICATED: { status: 401, meaning: "The request's credentials were refused." },
  FORBIDDEN_ORIGIN: {
    status: 403,
    meaning: "The request comes from another site whose origin is not listed in `origins`.",
  },
  NOT_FOUND: {
    status: 404,
    meaning: "No such function, session, job or workflow for this caller; a foreign one looks the same.",
  },
  CONFLICT: {
    status: 409,
    meaning: "The state forbids it, or an unfinished job or run of the same key belongs to someone else.",
  },
  KEY_HELD: { status: 409, meaning: "A retry met another job that holds the same idempotency key now." },
  TOO_LARGE: { status: 413, meaning: "The body or a value in it is over its limit; the sentence names both sizes." },
  PROTOCOL_UNSUPPORTED: { status: 426, meaning: "This gateway does not serve that protocol version; reload the page." },
  RATE_LIMITED: {
    status: 429,
    meaning: "A limit of this node, principal or address is reached; `retryAfterMs` says when to try again.",
  },
  INTERNAL: { status: 500, meaning: "An unexpected error; the server's log has it under the id in the sentence." },
  UNAVAILABLE: { status: 503, meaning: "The database does not answer; `retryAfterMs` says when to try again." },
};
