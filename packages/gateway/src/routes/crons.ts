import type { CronSnapshot, WireResult } from "@forge-jobs/protocol";
import type { FastifyInstance } from "fastify";
import type { RouteContext } from "./context.ts";

/** `GET /crons/:name` reads a public cron and its newest run. */
export function cronRoutes(app: FastifyInstance, { callers, crons }: RouteContext): void {
  app.get<{ Params: { name: string } }>("/crons/:name", async (request): Promise<WireResult<CronSnapshot>> => {
    const caller = await callers.of(request);
    return { success: true, data: await crons.snapshot(caller, request.params.name) };
  });
}
