import type { JobSnapshot, WireResult } from "@forge-jobs/protocol";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { idOf } from "./body.ts";
import type { RouteContext } from "./context.ts";

type JobRequest = FastifyRequest<{ Params: { id: string } }>;

/** `GET /jobs/:id` reads one whole state; `POST /jobs/:id/cancel` and `/retry` act on the job and answer it. */
export function jobRoutes(app: FastifyInstance, { callers, jobs }: RouteContext): void {
  const answer =
    (verb: "snapshot" | "cancel" | "retry") =>
    async (request: JobRequest): Promise<WireResult<JobSnapshot>> => {
      const id = idOf(request.params.id, "The job's id");
      return { success: true, data: await jobs[verb](await callers.of(request), id) };
    };
  app.get("/jobs/:id", answer("snapshot"));
  app.post("/jobs/:id/cancel", answer("cancel"));
  app.post("/jobs/:id/retry", answer("retry"));
}
