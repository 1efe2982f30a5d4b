import { clipText, ForgeError } from "@forge-jobs/core";
import { ERROR_CODES, type ErrorCode, LIMITS, type WireError } from "@forge-jobs/protocol";
import type { FastifyRequest } from "fastify";

const RETRY_AFTER_MS = 2_000;

const CODE_OF_STATUS: ReadonlyMap<number, ErrorCode> = new Map([
  [401, "UNAUTHENTICATED"],
  [403, "UNAUTHENTICATED"],
  [404, "NOT_FOUND"],
  [413, "TOO_LARGE"],
  [429, "RATE_LIMITED"],
  [503, "UNAVAILABLE"],
]);

/** Turns whatever was thrown into what may leave the server: never a driver's or a handler's words, never a stack. */
export function wireErrorOf(error: unknown, request: FastifyRequest): WireError {
  if (error instanceof ForgeError) return ofForge(error, request);
  const { code, statusCode } = (error ?? {}) as { code?: unknown; statusCode?: unknown };
  switch (code) {
    case "FST_ERR_CTP_BODY_TOO_LARGE":
      return { code: "TOO_LARGE", message: tooLarge(request) };
    case "FST_ERR_CTP_INVALID_MEDIA_TYPE":
      return { code: "BAD_REQUEST", message: "The body must be JSON; send it with content-type: application/json." };
    case "FST_ERR_CTP_EMPTY_JSON_BODY":
    case "FST_ERR_CTP_INVALID_JSON_BODY":
      return {
        code: "BAD_REQUEST",
        message: "The body is no JSON that can be read; __proto__ and constructor.prototype as keys are refused too.",
      };
    default:
      return ofStatus(statusCode, error, request);
  }
}

function ofForge(error: ForgeError, request: FastifyRequest): WireError {
  const { code, message, details, retryAfterMs } = error;
  if (code === "INTERNAL") return internal(error, request);
  if (code === "UNAVAILABLE") {
    // Its own sentence may name the database's host.
    request.log.warn({ err: error }, "The database did not answer a request");
    return {
      code,
      message: "The server cannot answer for the moment; try again.",
      retryAfterMs: retryAfterMs ?? RETRY_AFTER_MS,
    };
  }
  return {
    code,
    message: clipText(message, LIMITS.errorBytes),
    ...(retryAfterMs !== undefined && { retryAfterMs }),
    ...(code === "INVALID_ARGS" && details !== undefined && { details }),
  };
}

/** What the application's own hooks throw for one of our routes, and Fastify's other errors. */
function ofStatus(status: unknown, error: unknown, request: FastifyRequest): WireError {
  if (typeof status !== "number") return internal(error, request);
  const code = CODE_OF_STATUS.get(status) ?? (status >= 400 && status < 500 ? "BAD_REQUEST" : null);
  if (code === null) return internal(error, request);
  const message = ERROR_CODES[code].meaning;
  return code === "UNAVAILABLE" || code === "RATE_LIMITED"
    ? { code, message, retryAfterMs: RETRY_AFTER_MS }
    : { code, message };
}

function internal(error: unknown, request: FastifyRequest): WireError {
  request.log.error({ err: error }, "A request failed unexpectedly");
  return { code: "INTERNAL", message: `Something went wrong; the server's log has it under request ${request.id}.` };
}

function tooLarge({ headers, routeOptions }: FastifyRequest): string {
  const sent = headers["content-length"];
  return `The body is ${sent === undefined ? "larger" : `${sent} bytes, more`} than the ${routeOptions.bodyLimit} bytes taken; send less, and keep large data elsewhere.`;
}
