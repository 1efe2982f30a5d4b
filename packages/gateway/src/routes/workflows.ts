import type { WireResult, WorkflowSnapshot } from "@forge-jobs/protocol";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { bodyOf, idOf, nameOf, textOf } from "./body.ts";
import type { RouteContext } from "./context.ts";

type RunRequest = FastifyRequest<{ Params: { id: string } }>;
type Answer = Promise<WireResult<WorkflowSnapshot>>;

/** `GET /workflows/:id` reads one whole state; `POST /workflows/:id/cancel` and `/signal` act on the run and answer it. */
export function workflowRoutes(app: FastifyInstance, { callers, workflows }: RouteContext): void {
  const runId = (request: RunRequest): string => idOf(request.params.id, "The run's id");

  app.get("/workflows/:id", async (request: RunRequest): Answer => {
    const id = runId(request);
    return { success: true, data: await workflows.snapshot(await callers.of(request), id) };
  });

  app.post("/workflows/:id/cancel", async (request: RunRequest): Answer => {
    const id = runId(request);
    return { success: true, data: await workflows.cancel(await callers.of(request), id) };
  });

  app.post("/workflows/:id/signal", async (request: RunRequest): Answer => {
    const id = runId(request);
    const { name, payload, signalId } = bodyOf(request.body);
    const signal = { name: textOf(name, "name"), payload, signalId: nameOf(signalId, "signalId") };
    return { success: true, data: await workflows.signal(await callers.of(request), id, signal) };
  });
}
