import type { Forge } from "@forge-jobs/core";
import type { JobSnapshot } from "@forge-jobs/protocol";
import { actorOf, type Permitted } from "./permitted.ts";
import type { Caller } from "./principal.ts";

/** What callers do with jobs besides watching them. Each answers the job's state after that. */
export class JobRequests {
  readonly #forge: Forge;
  readonly #permitted: Permitted;

  constructor(forge: Forge, permitted: Permitted) {
    this.#forge = forge;
    this.#permitted = permitted;
  }

  /** Reads one whole state. Throws `NOT_FOUND`. */
  async snapshot(caller: Caller, id: string): Promise<JobSnapshot> {
    return (await this.#permitted.job("watch", caller, id)).whole();
  }

  /** Throws `NOT_FOUND`. */
  async cancel(caller: Caller, id: string): Promise<JobSnapshot> {
    await this.#permitted.job("cancel", caller, id);
    await this.#forge.jobs.cancel(id, actorOf(caller));
    return (await this.#permitted.changedJob(id)).whole();
  }

  /** Brings a job back. Throws `NOT_FOUND`, `CONFLICT`, `KEY_HELD`. */
  async retry(caller: Caller, id: string): Promise<JobSnapshot> {
    await this.#permitted.job("retry", caller, id);
    await this.#forge.jobs.retry(id, actorOf(caller));
    return (await this.#permitted.changedJob(id)).whole();
  }
}
