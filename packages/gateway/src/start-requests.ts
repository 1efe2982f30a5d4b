import { ForgeError, type Forge } from "@forge-jobs/core";
import type { RpcData } from "@forge-jobs/protocol";
import type { Access } from "./access.ts";
import type { Permitted } from "./permitted.ts";
import type { Caller } from "./principal.ts";

/** What starting works with. */
export interface StartRequestsOptions {
  readonly forge: Forge;
  readonly access: Access;
  readonly permitted: Permitted;
}

/** Starts public jobs and workflows for callers. */
export class StartRequests {
  readonly #options: StartRequestsOptions;

  constructor(options: StartRequestsOptions) {
    this.#options = options;
  }

  /**
   * Dispatches the public job of that name, or starts the newest version of the workflow, for the caller, who becomes the
   * owner, and answers the id.
   *
   * Throws `NOT_FOUND` where the caller may not start it, `CONFLICT` where what holds its key is not the caller's to watch,
   * and what `Forge.dispatch` throws.
   */
  async start(caller: Caller, name: string, args: unknown, requestId: string | null): Promise<RpcData> {
    const { forge, access, permitted } = this.#options;
    if (!(await access.mayDispatch(caller.principal, name))) {
      throw new ForgeError("NOT_FOUND", `There is no job or workflow ${JSON.stringify(name)} that you may start.`);
    }
    const owner = caller.principal?.id ?? null;
    const { id, created } = await forge.dispatchNamed(name, args, { owner, ...(requestId !== null && { requestId }) });
    const isRun = forge.startable(name)?.workflow != null;
    if (!created && (await permitted.row("watch", caller, id)) === null) {
      throw new ForgeError(
        "CONFLICT",
        `A ${isRun ? "run of" : "job"} ${name} with the same idempotency key exists, and it is not yours to watch.`,
      );
    }
    return isRun ? { workflowId: id } : { jobId: id };
  }
}
