import { ForgeError } from "@forge-jobs/core";
import { LIMITS, PROTOCOL_VERSION } from "@forge-jobs/protocol";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { OutgoingHttpHeaders } from "node:http";
import { openChannel } from "../sse/channel.ts";
import type { Wanted } from "../subscriptions.ts";
import { bodyOf, idsOf, wantedOf } from "./body.ts";
import type { RouteContext } from "./context.ts";

interface EventsQuery {
  readonly v?: string | string[];
  readonly job?: string | string[];
}

const STREAM_HEADERS = {
  "content-type": "text/event-stream; charset=utf-8",
  "cache-control": "no-cache, no-transform",
  "x-accel-buffering": "no",
};

/** `GET /events` and `POST /events` open a stream. */
export function eventsRoutes(app: FastifyInstance, context: RouteContext): void {
  app.get<{ Querystring: EventsQuery }>("/events", async (request, reply) => {
    refuseUnserved(request.query.v);
    const ids = idsOf([request.query.job ?? []].flat(), "job", LIMITS.eventsJobs);
    await stream(
      context,
      request,
      reply,
      ids.map((id) => ({ id, revision: -1 })),
    );
  });

  app.post<{ Querystring: EventsQuery }>("/events", async (request, reply) => {
    refuseUnserved(request.query.v);
    await stream(context, request, reply, wantedOf(bodyOf(request.body).watch, "watch"));
  });
}

async function stream(
  { callers, gateway }: RouteContext,
  request: FastifyRequest,
  reply: FastifyReply,
  wanted: readonly Wanted[],
): Promise<void> {
  // Before authenticating: between that and the session's registration nothing may be awaited, or a revocation is missed.
  const identity = await gateway.identity();
  const opened = await gateway.open(await callers.of(request), identity, wanted);
  reply.hijack();
  // Headers that other plugins set before, such as CORS, belong to the stream too.
  const headers = { ...(reply.getHeaders() as OutgoingHttpHeaders), ...STREAM_HEADERS };
  opened((listener) => openChannel(request.raw, reply.raw, headers, listener));
}

function refuseUnserved(version: EventsQuery["v"]): void {
  if (version === String(PROTOCOL_VERSION)) return;
  throw new ForgeError(
    "PROTOCOL_UNSUPPORTED",
    `This gateway serves protocol ${PROTOCOL_VERSION} (?v=${PROTOCOL_VERSION}), not ${JSON.stringify(version ?? null)}; reload the page.`,
  );
}
