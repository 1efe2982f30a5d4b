import type { RpcData, WireResult } from "@forge-jobs/protocol";
import type { FastifyInstance } from "fastify";
import { bodyOf, optionalIdOf } from "./body.ts";
import type { RouteContext } from "./context.ts";

/** `POST /rpc/:name` dispatches a public job, or starts a public workflow. */
export function rpcRoutes(app: FastifyInstance, { callers, starts }: RouteContext): void {
  app.post<{ Params: { name: string } }>("/rpc/:name", async (request): Promise<WireResult<RpcData>> => {
    const caller = await callers.of(request);
    const { args, requestId } = bodyOf(request.body);
    const data = await starts.start(caller, request.params.name, args, optionalIdOf(requestId, "requestId"));
    return { success: true, data };
  });
}
