import { ForgeError } from "@forge-jobs/core";
import type { WireResult } from "@forge-jobs/protocol";
import type { FastifyInstance } from "fastify";
import type { RouteContext } from "./context.ts";

type Probe = WireResult<{ status: "ok" }>;

const OK: Probe = { success: true, data: { status: "ok" } };

/** `GET /health` says that the process answers, `GET /ready` that its database does too and that it is not stopping. */
export function probeRoutes(app: FastifyInstance, { forge, gateway }: RouteContext): void {
  app.get("/health", async (): Promise<Probe> => OK);
  app.get("/ready", async (): Promise<Probe> => {
    if (gateway.isClosing) throw new ForgeError("UNAVAILABLE", "This server is shutting down.");
    await forge.ping();
    return OK;
  });
}
