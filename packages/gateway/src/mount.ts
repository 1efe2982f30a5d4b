import type { Logger } from "@forge-jobs/core";
import type { FastifyBaseLogger, FastifyInstance } from "fastify";
import { Access } from "./access.ts";
import { CronRequests } from "./cron-requests.ts";
import { Gateway, type GatewayStats } from "./gateway.ts";
import { JobRequests } from "./job-requests.ts";
import type { Settings } from "./options.ts";
import { Permitted } from "./permitted.ts";
import { Callers } from "./routes/callers.ts";
import type { RouteContext } from "./routes/context.ts";
import { cronRoutes } from "./routes/crons.ts";
import { eventsRoutes } from "./routes/events.ts";
import { guard } from "./routes/guards.ts";
import { jobRoutes } from "./routes/jobs.ts";
import { probeRoutes } from "./routes/probes.ts";
import { rpcRoutes } from "./routes/rpc.ts";
import { subscribeRoutes } from "./routes/subscribe.ts";
import { workflowRoutes } from "./routes/workflows.ts";
import { StartRequests } from "./start-requests.ts";
import { WorkflowRequests } from "./workflow-requests.ts";

/** What `app.forgeGateway` offers the application. */
export interface ForgeGateway {
  /**
   * Ends the streams of a principal, for instance at sign-out; its browsers reconnect and authenticate anew.
   *
   * Call it once `authenticate` would refuse: requests that it is asked about at this moment are refused too.
   */
  revoke(principalId: string): void;
  /** Counts of this moment. */
  stats(): GatewayStats;
}

/** Puts a gateway into an application: one decorator, one `preClose`, and the routes in a scope of their own. */
export async function mountGateway(app: FastifyInstance, settings: Settings): Promise<void> {
  const { forge, limits, timings } = settings;
  const log = loggerOf(app.log);
  const access = new Access({ forge, authorize: settings.authorize, log });
  const gateway = new Gateway({ forge, access, limits, timings, log });
  const callers = new Callers(settings.authenticate, log);
  const { hub } = gateway;
  const permitted = new Permitted({ access, hub });
  const context: RouteContext = {
    forge,
    gateway,
    callers,
    permitted,
    starts: new StartRequests({ forge, access, permitted }),
    jobs: new JobRequests(forge, permitted),
    workflows: new WorkflowRequests(forge, permitted),
    crons: new CronRequests({ forge, access, hub }),
  };

  app.decorate("forgeGateway", {
    revoke: (principalId) => {
      callers.revoke(principalId);
      gateway.revoke(principalId);
    },
    stats: () => gateway.stats,
  });
  app.addHook("preClose", () => gateway.close());

  await app.register(
    async (scope) => {
      scope.addHook("onRoute", (route) => {
        route.bodyLimit = limits.bodyBytes;
      });
      guard(scope, settings.origins);
      scope.addHook("onSend", async (_request, reply) => {
        // The server closes idle connections only once; one that is busy then would stay, and keep it from closing.
        if (gateway.isClosing && reply.raw.req.httpVersionMajor === 1) void reply.header("connection", "close");
      });
      const all = [rpcRoutes, eventsRoutes, subscribeRoutes, jobRoutes, workflowRoutes, cronRoutes, probeRoutes];
      for (const routes of all) routes(scope, context);
    },
    { prefix: settings.prefix },
  );
}

/** Fastify's logger takes the fields first. */
function loggerOf(log: FastifyBaseLogger): Logger {
  return {
    debug: (message, fields = {}) => log.debug(fields, message),
    info: (message, fields = {}) => log.info(fields, message),
    warn: (message, fields = {}) => log.warn(fields, message),
    error: (message, fields = {}) => log.error(fields, message),
  };
}
