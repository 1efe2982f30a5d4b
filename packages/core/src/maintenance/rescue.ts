import type { Logger } from "../logger.ts";
import type { ProcessIdentity, WorkerVerbs } from "../store.ts";
import type { Lease } from "../worker/lease.ts";
import { isGone } from "../worker/process-identity.ts";

/** Worker deaths while running, after which a job is taken for the cause and becomes `dead_letter`. */
const MAX_DEATHS = 3;

const DEATH = {
  errorName: "POISON",
  error: `POISON: ${MAX_DEATHS} workers died while they ran this job.`,
  publicError: "The job was stopped: it seems to end the process that runs it.",
};

/**
 * Gives back the jobs of workers that are dead: those whose process is gone from this very host at once, those whose lease
 * has ended only while this process was itself able to renew for a whole lease, and the store agrees that it was.
 */
export async function rescueDead(deps: {
  workers: WorkerVerbs;
  lease: Pick<Lease, "ownId" | "mayJudge" | "distrust">;
  self: ProcessIdentity;
  log: Logger;
}): Promise<void> {
  const { workers, lease, self, log } = deps;
  const all = await workers.list();
  // After a laptop's sleep, or a step of the database's clock, every lease is over at once, this one's too.
  if (!all.some((worker) => worker.id === lease.ownId && worker.leaseLeftMs > 0)) lease.distrust();
  for (const worker of all) {
    if (worker.id === lease.ownId) continue;
    const because = isGone(worker, self) ? "gone" : worker.leaseLeftMs < 0 && lease.mayJudge ? "lease" : null;
    if (because === null) continue;
    const jobs = await workers.rescue({ workerId: worker.id, because, maxDeaths: MAX_DEATHS, death: DEATH });
    if (jobs !== null) {
      log.warn("A worker is dead; its jobs were given back", { workerId: worker.id, because, jobs: jobs.length });
    }
  }
}
