import {
  type JobSnapshot,
  LIMITS,
  type StatesData,
  type WireResult,
  type WorkflowSnapshot,
} from "@forge-jobs/protocol";
import type { FastifyInstance } from "fastify";
import { bodyOf, idOf, idsOf, nameOf, numberOf, proofOf, wantedOf } from "./body.ts";
import type { RouteContext } from "./context.ts";

/**
 * `POST /subscribe`, `/subscribe-job`, `/subscribe-workflow` and `/unsubscribe` change what a stream carries; `POST /poll` does
 * without one.
 */
export function subscribeRoutes(app: FastifyInstance, { callers, gateway, permitted }: RouteContext): void {
  app.post("/subscribe", async (request): Promise<WireResult<StatesData>> => {
    const body = bodyOf(request.body);
    const change = {
      n: numberOf(body.n, "n"),
      add: wantedOf(body.add, "add"),
      remove: idsOf(body.remove, "remove", LIMITS.watchIds),
    };
    const states = await gateway.subscribe(await callers.of(request), proofOf(body), change);
    return { success: true, data: { states } };
  });

  app.post("/subscribe-job", async (request): Promise<WireResult<JobSnapshot>> => {
    const body = bodyOf(request.body);
    const jobId = idOf(body.jobId, "jobId");
    const name = nameOf(body.subscriptionId, "subscriptionId");
    const data = await gateway.subscribeJob(await callers.of(request), proofOf(body), jobId, name);
    return { success: true, data };
  });

  app.post("/subscribe-workflow", async (request): Promise<WireResult<WorkflowSnapshot>> => {
    const body = bodyOf(request.body);
    const workflowId = idOf(body.workflowId, "workflowId");
    const name = nameOf(body.subscriptionId, "subscriptionId");
    const data = await gateway.subscribeRun(await callers.of(request), proofOf(body), workflowId, name);
    return { success: true, data };
  });

  app.post("/unsubscribe", async (request): Promise<WireResult<Record<string, never>>> => {
    const body = bodyOf(request.body);
    const id = body.workflowId === undefined ? idOf(body.jobId, "jobId") : idOf(body.workflowId, "workflowId");
    const name = nameOf(body.subscriptionId, "subscriptionId");
    await gateway.unsubscribe(await callers.of(request), proofOf(body), id, name);
    return { success: true, data: {} };
  });

  app.post("/poll", async (request): Promise<WireResult<StatesData>> => {
    const wanted = wantedOf(bodyOf(request.body).watch, "watch");
    const caller = await callers.of(request);
    gateway.countSubscribe(caller);
    return { success: true, data: { states: await permitted.poll(caller, wanted) } };
  });
}
