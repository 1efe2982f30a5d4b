import type { Logger } from "../logger.ts";
import type { ProcessIdentity, WorkerVerbs } from "../store.ts";
import { isGone } from "../worker/process-identity.ts";

/** Worker deaths while running, after which a job is taken for the cause and becomes `dead_letter`. */
const MAX_DEATHS = 3;

const DEATH = {
  error: `POISON: ${MAX_DEATHS} workers died while they ran this job.`,
  publicError: "The job was stopped: it seems to end the process that runs it.",
};

/**
 * Gives back the jobs of workers that are dead: those whose process is gone from this very host at once, those whose lease
 * has ended only while `mayJudge` says that this process was itself able to renew for a whole lease.
 */
export async function rescueDead(deps: {
  workers: WorkerVerbs;
  self: ProcessIdentity;
  mayJudge: () => boolean;
  log: Logger;
}): Promise<void> {
  for (const worker of await deps.workers.list()) {
    const because = isGone(worker, deps.self) ? "gone" : worker.leaseLeftMs < 0 && deps.mayJudge() ? "lease" : null;
    if (because === null) continue;
    const jobs = await deps.workers.rescue({ workerId: worker.id, because, maxDeaths: MAX_DEATHS, death: DEATH });
    if (jobs !== null) {
      deps.log.warn("A worker is dead; its jobs were given back", { workerId: worker.id, because, jobs: jobs.length });
    }
  }
}
