import type { RpcData, WireResult } from "@forge-jobs/protocol";
import type { FastifyInstance } from "fastify";
import { bodyOf, optionalIdOf } from "./body.ts";
import type { RouteContext } from "./context.ts";

/** `POST /rpc/:name` dispatches a public job. */
export function rpcRoutes(app: FastifyInstance, { callers, jobs }: RouteContext): void {
  app.post<{ Params: { name: string } }>("/rpc/:name", async (request): Promise<WireResult<RpcData>> => {
    const caller = await callers.of(request);
    const { args, requestId } = bodyOf(request.body);
    const jobId = await jobs.dispatch(caller, request.params.name, args, optionalIdOf(requestId, "requestId"));
    return { success: true, data: { jobId } };
  });
}
