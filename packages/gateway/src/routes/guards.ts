import { ForgeError } from "@forge-jobs/core";
import { ERROR_CODES } from "@forge-jobs/protocol";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { isForeign } from "../origin.ts";
import { wireErrorOf } from "./wire-error.ts";

const PREFLIGHT_SECONDS = 600;

/**
 * Sets up what holds for every route of the gateway and for none of the application's: the origin rule, CORS for listed
 * origins, JSON bodies only, and errors in the gateway's envelope.
 */
export function guard(app: FastifyInstance, origins: ReadonlySet<string>): void {
  const parseJson = app.getDefaultJsonParser("error", "error");
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("application/json", { parseAs: "string" }, parseJson);

  app.setErrorHandler((error, request, reply) => answerError(error, request, reply));
  app.setNotFoundHandler((request) => {
    throw noSuchRoute(request);
  });

  app.addHook("onRequest", async (request, reply) => {
    // Fastify adds HEAD to every GET; one of a stream would open it for nobody.
    if (request.method === "HEAD") throw noSuchRoute(request);
    void reply.header("cache-control", "no-store");
    const { origin } = request.headers;
    if (origin !== undefined && origins.has(origin)) allow(origin, reply);
    if (request.method === "POST" && isForeign(sourceOf(request), origins)) throw foreign(origin);
  });

  app.options("/*", async (request, reply) => {
    const { origin } = request.headers;
    if (origin === undefined)
      throw new ForgeError("NOT_FOUND", "OPTIONS answers preflight requests only, which name an origin.");
    if (!origins.has(origin)) throw foreign(origin);
    return reply
      .code(204)
      .header("access-control-allow-methods", "GET, POST")
      .header("access-control-allow-headers", request.headers["access-control-request-headers"] ?? "content-type")
      .header("access-control-max-age", PREFLIGHT_SECONDS)
      .send();
  });
}

function answerError(thrown: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const error = wireErrorOf(thrown, request);
  if (error.retryAfterMs !== undefined && !reply.hasHeader("retry-after")) {
    void reply.header("retry-after", Math.ceil(error.retryAfterMs / 1_000));
  }
  return reply.code(ERROR_CODES[error.code].status).send({ success: false, error });
}

function sourceOf({ headers, host }: FastifyRequest): Parameters<typeof isForeign>[0] {
  const site = headers["sec-fetch-site"];
  return { secFetchSite: Array.isArray(site) ? site.join() : site, origin: headers.origin, host };
}

function allow(origin: string, reply: FastifyReply): void {
  const vary = reply.getHeader("vary");
  void reply
    .header("access-control-allow-origin", origin)
    .header("access-control-allow-credentials", "true")
    .header("access-control-expose-headers", "retry-after")
    .header("vary", vary === undefined ? "Origin" : `${String(vary)}, Origin`);
}

function noSuchRoute({ method, url }: FastifyRequest): ForgeError {
  return new ForgeError("NOT_FOUND", `There is no ${method} ${url.split("?")[0]}.`);
}

function foreign(origin: string | undefined): ForgeError {
  return new ForgeError(
    "FORBIDDEN_ORIGIN",
    `Requests from ${JSON.stringify(origin ?? "another site")} are not taken; list that origin in the gateway's origins.`,
  );
}
