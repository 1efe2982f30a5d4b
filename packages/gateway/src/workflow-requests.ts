import type { Forge } from "@forge-jobs/core";
import type { WorkflowSnapshot } from "@forge-jobs/protocol";
import { actorOf, type Permitted } from "./permitted.ts";
import type { Caller } from "./principal.ts";

/** A signal that a caller gives to a run. */
export interface GivenSignal {
  readonly name: string;
  readonly payload: unknown;
  /** Null: it is another signal than every other. */
  readonly signalId: string | null;
}

/** What callers do with runs of workflows besides watching them. Each answers the run's state after that. */
export class WorkflowRequests {
  readonly #forge: Forge;
  readonly #permitted: Permitted;

  constructor(forge: Forge, permitted: Permitted) {
    this.#forge = forge;
    this.#permitted = permitted;
  }

  /** Reads one whole state. Throws `NOT_FOUND`. */
  async snapshot(caller: Caller, id: string): Promise<WorkflowSnapshot> {
    return (await this.#permitted.run("watch", caller, id)).whole();
  }

  /** Throws `NOT_FOUND`. */
  async cancel(caller: Caller, id: string): Promise<WorkflowSnapshot> {
    await this.#permitted.run("cancel", caller, id);
    await this.#forge.workflows.cancel(id, actorOf(caller));
    return (await this.#permitted.changedRun(id)).whole();
  }

  /** Throws `NOT_FOUND`, `CONFLICT` for a run that has ended, and as `Workflows.signal` for what it cannot take. */
  async signal(caller: Caller, id: string, { name, payload, signalId }: GivenSignal): Promise<WorkflowSnapshot> {
    await this.#permitted.run("signal", caller, id);
    const options = { ...actorOf(caller), ...(signalId !== null && { signalId }) };
    await this.#forge.workflows.signal(id, name, payload, options);
    return (await this.#permitted.changedRun(id)).whole();
  }
}
