import type { ClaimedJob, JobVerbs, NewJob } from "../store.ts";
import type { ClaimLoop } from "./claim-loop.ts";
import type { Offer, Room } from "./room.ts";

/** What lending asks of the worker around it. */
export interface LendingHost {
  readonly jobs: Pick<JobVerbs, "insertClaimed">;
  readonly room: Room | null;
  /** Whether this worker runs jobs of the type. */
  serves(type: string): boolean;
  loop(queue: string): ClaimLoop | undefined;
  /** Takes note of a claimed job; answers whether it may start. */
  accept(job: ClaimedJob): boolean;
  start(job: ClaimedJob): void;
}

/** Lends slots that are free to jobs that are about to be dispatched here. */
export class Lending {
  readonly #host: LendingHost;
  readonly #lent = new Set<Promise<void>>();

  constructor(host: LendingHost) {
    this.#host = host;
  }

  /** See `Worker.insertAndStart`. */
  async insertAndStart(job: NewJob): Promise<boolean> {
    const { room } = this.#host;
    const loop = this.#host.loop(job.queue);
    if (loop === undefined || !this.#host.serves(job.type)) return false;
    const offer = room?.isUsedBy(job.type) === true ? room.offer(job.queue, [job.type], 1) : NOTHING_NEEDED;
    if (offer === null) return false;
    const workerId = loop.lendSlot();
    if (workerId === null) {
      offer.end();
      return false;
    }
    const inserting = this.#insertFor(job, workerId, loop, offer);
    // `stop` waits for the answer: a row that is claimed by then must go back.
    const answered = inserting.then(
      () => {},
      () => {},
    );
    this.#lent.add(answered);
    try {
      await inserting;
    } finally {
      this.#lent.delete(answered);
    }
    return true;
  }

  /** Resolves once every insert under way is answered. */
  async settled(): Promise<void> {
    await Promise.all(this.#lent);
  }

  async #insertFor(job: NewJob, workerId: string, loop: ClaimLoop, offer: Pick<Offer, "end">): Promise<void> {
    let claimed = false;
    try {
      claimed = await this.#host.jobs.insertClaimed({ job, workerId });
    } finally {
      if (claimed) this.#host.room?.take({ id: job.id, claimNo: 1, type: job.type });
      else loop.returnSlot();
      offer.end();
    }
    if (claimed) this.#start(job, loop);
  }

  #start({ id, type, queue, priority, input, owner, maxAttempts, overrides }: NewJob, loop: ClaimLoop): void {
    const first = { attempt: 1, claimNo: 1, deaths: 0, revision: 1 };
    const job: ClaimedJob = { id, type, queue, priority, input, owner, maxAttempts, overrides, ...first };
    if (this.#host.accept(job)) this.#host.start(job);
    else loop.returnSlot();
  }
}

const NOTHING_NEEDED: Pick<Offer, "end"> = { end() {} };
