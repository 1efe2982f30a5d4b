import type { Forge } from "@forge-jobs/core";
import type { CronRequests } from "../cron-requests.ts";
import type { Gateway } from "../gateway.ts";
import type { JobRequests } from "../job-requests.ts";
import type { Callers } from "./callers.ts";

/** What every route works with. */
export interface RouteContext {
  readonly forge: Forge;
  readonly gateway: Gateway;
  readonly jobs: JobRequests;
  readonly crons: CronRequests;
  readonly callers: Callers;
}
