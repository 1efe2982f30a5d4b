import { CRON_PREFIX, type CronRun, type Forge, ForgeError } from "@forge-jobs/core";
import type { CronRunSnapshot, CronSnapshot } from "@forge-jobs/protocol";
import type { Access } from "./access.ts";
import type { Hub } from "./hub.ts";
import { JobView, noJob } from "./job-view.ts";
import type { Caller } from "./principal.ts";

/** What requests about crons work with. */
export interface CronRequestsOptions {
  readonly forge: Forge;
  readonly access: Access;
  readonly hub: Hub;
}

/** What callers learn of crons. */
export class CronRequests {
  readonly #options: CronRequestsOptions;

  constructor(options: CronRequestsOptions) {
    this.#options = options;
  }

  /** Reads a public cron and its newest run. Throws `NOT_FOUND`, the same for an unknown one and a forbidden one. */
  async snapshot({ principal }: Caller, name: string): Promise<CronSnapshot> {
    const { forge, access } = this.#options;
    // Looked at first: the name is the caller's, and may be anything.
    const isKnown = forge.definition(CRON_PREFIX + name) !== undefined;
    const cron = isKnown ? await forge.crons.get(name) : null;
    if (cron === null || !(await access.mayWatchCron(principal, name, cron.lastRun?.jobId ?? null))) {
      throw new ForgeError("NOT_FOUND", `There is no cron ${JSON.stringify(name)} that you may see.`);
    }
    return {
      name,
      paused: cron.pausedAt !== null,
      nextRun: cron.nextRun?.toISOString() ?? null,
      lastRun: cron.lastRun === null ? null : await this.#run(cron.lastRun),
    };
  }

  async #run({ jobId, scheduledTime, isCatchUp }: CronRun): Promise<CronRunSnapshot> {
    const view = await this.#options.hub.read(jobId);
    return {
      ...(view instanceof JobView ? view.whole() : noJob(jobId)),
      scheduledTime: scheduledTime.toISOString(),
      isCatchUp,
    };
  }
}
