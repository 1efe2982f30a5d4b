import type { Logger } from "../logger.ts";
import type { Store } from "../store.ts";
import { unservedLanes } from "../unserved.ts";
import type { Lease } from "../worker/lease.ts";

/**
 * Makes the check that warns of due jobs which no live worker can run: once for each type of a queue, and again only after
 * it was served meanwhile. What it sees for the first time may be a deploy under way, so it warns at the second look.
 *
 * Of several workers the oldest looks, by what each of them sees; that two look for a moment does no harm.
 */
export function unservedCheck(deps: { store: Store; lease: Pick<Lease, "ownId">; log: Logger }): () => Promise<void> {
  const { store, lease, log } = deps;
  /** Whether it was warned of, by queue and type. */
  let seen = new Map<string, boolean>();

  return async () => {
    const workers = await store.workers.list();
    if (workers.find(({ leaseLeftMs }) => leaseLeftMs > 0)?.id !== lease.ownId) {
      seen = new Map();
      return;
    }
    const now = new Map<string, boolean>();
    for (const { queue, type, dueForMs } of unservedLanes(await store.queues.lanes(), workers)) {
      const key = `${queue}\0${type}`;
      if (seen.get(key) === false) {
        log.warn("Jobs wait that no live worker can run: start one that serves their queue, type and requirements", {
          queue,
          jobType: type,
          dueForMs: Math.round(dueForMs),
        });
      }
      now.set(key, seen.has(key));
    }
    seen = now;
  };
}
