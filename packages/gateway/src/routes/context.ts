import type { Forge } from "@forge-jobs/core";
import type { CronRequests } from "../cron-requests.ts";
import type { Gateway } from "../gateway.ts";
import type { JobRequests } from "../job-requests.ts";
import type { Permitted } from "../permitted.ts";
import type { StartRequests } from "../start-requests.ts";
import type { WorkflowRequests } from "../workflow-requests.ts";
import type { Callers } from "./callers.ts";

/** What every route works with. */
export interface RouteContext {
  readonly forge: Forge;
  readonly gateway: Gateway;
  readonly permitted: Permitted;
  readonly starts: StartRequests;
  readonly jobs: JobRequests;
  readonly workflows: WorkflowRequests;
  readonly crons: CronRequests;
  readonly callers: Callers;
}
