import { newId } from "../id.ts";
import type { Logger } from "../logger.ts";
import type { HeldRow, ProcessIdentity, WorkerServes, WorkerVerbs } from "../store.ts";

/** What the lease asks of the worker around it. */
export interface LeaseHost {
  readonly workers: Pick<WorkerVerbs, "register" | "beat" | "retire">;
  readonly log: Logger;
  /** A monotonic clock in milliseconds. */
  readonly now: () => number;
  /** What this process holds in memory at this moment, as id to claim number. */
  held(): Map<string, number>;
  /** What the worker's row says of it besides where it runs. */
  about(workerId: string): { readonly label: string; readonly serves: WorkerServes };
  /** Learns what the worker is to heed, before anything may start under a lease that was not in force. */
  readOrders(): Promise<void>;
  /** The lease is over: another process may own everything held. Nothing may start until `onRenewed`. */
  onLost(): void;
  /** The lease is (back) in force under this worker id. */
  onRenewed(): void;
  /** What the table says this worker holds, beside what memory held before it was asked. */
  onRows(rows: readonly HeldRow[], heldBefore: ReadonlyMap<string, number>): void;
}

/**
 * The lease of this process: one row that says it is alive, renewed at a third of the lease.
 *
 * In force: from a renewal until a lease later by the monotonic clock of this host, counted from when the renewal was sent.
 * Lost: no renewal was acknowledged for a lease, or somebody retired the row; the next successful beat, or a registration
 * under a new id, brings it back. A process that was suspended notices at once, since its timers fire late.
 */
export class Lease {
  readonly #host: LeaseHost;
  readonly #leaseMs: number;
  readonly #process: ProcessIdentity;
  #workerId = newId();
  #registered = false;
  #renewedAt = -Infinity;
  #unbrokenSince = Infinity;
  #inForce = false;
  #beat: NodeJS.Timeout | undefined;
  #expiry: NodeJS.Timeout | undefined;
  #beating: Promise<void> | null = null;
  #stopped = false;

  constructor(host: LeaseHost, leaseMs: number, process: ProcessIdentity) {
    this.#host = host;
    this.#leaseMs = leaseMs;
    this.#process = process;
  }

  /** The id to claim under, or null while the lease is not in force. */
  get workerId(): string | null {
    return this.#inForce && this.#host.now() - this.#renewedAt < this.#leaseMs ? this.#workerId : null;
  }

  /** Whether this process renewed without a gap for a whole lease, so that it may judge the silence of others. */
  get mayJudge(): boolean {
    return this.workerId !== null && this.#host.now() - this.#unbrokenSince >= this.#leaseMs;
  }

  /** The store says that this process's own lease is over, whatever its clock says: it was asleep, or the clock moved. */
  distrust(): void {
    this.#unbrokenSince = this.#host.now();
  }

  /** The worker's id, in force or not. */
  get ownId(): string {
    return this.#workerId;
  }

  /** How long a beat waits for the next, in milliseconds. */
  get intervalMs(): number {
    return this.#leaseMs / 3;
  }

  /** Registers and begins to beat. Throws what the store throws. */
  async start(): Promise<void> {
    await this.#renew();
    this.#schedule();
  }

  /** Stops beating and ends the worker's row. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#beat);
    clearTimeout(this.#expiry);
    await this.#beating;
    if (this.#registered) await this.#host.workers.retire({ workerId: this.#workerId });
  }

  #schedule(): void {
    if (this.#stopped) return;
    this.#beat = setTimeout(() => {
      this.#beating = this.#tryRenew().finally(() => this.#schedule());
    }, this.intervalMs);
  }

  async #tryRenew(): Promise<void> {
    try {
      await this.#renew();
    } catch (cause) {
      this.#host.log.warn("Cannot renew this worker's lease; trying on", { workerId: this.#workerId, cause });
    }
  }

  async #renew(): Promise<void> {
    const sentAt = this.#host.now();
    if (!this.#registered) {
      await this.#host.workers.register({
        workerId: this.#workerId,
        leaseMs: this.#leaseMs,
        process: this.#process,
        ...this.#host.about(this.#workerId),
      });
      this.#registered = true;
      await this.#host.readOrders();
      this.#renewed(sentAt);
      return;
    }
    const heldBefore = this.#host.held();
    const { alive, rows } = await this.#host.workers.beat({ workerId: this.#workerId, leaseMs: this.#leaseMs });
    if (alive) {
      if (!this.#inForce) await this.#host.readOrders();
      this.#renewed(sentAt);
      this.#host.onRows(rows, heldBefore);
      return;
    }
    this.#host.log.warn("This worker was taken for dead, and its jobs were given to others", {
      workerId: this.#workerId,
    });
    this.#lose();
    this.#workerId = newId();
    this.#registered = false;
    await this.#renew();
  }

  #renewed(sentAt: number): void {
    if (sentAt - this.#renewedAt > this.#leaseMs) this.#unbrokenSince = sentAt;
    this.#renewedAt = sentAt;
    clearTimeout(this.#expiry);
    if (this.#stopped) return;
    this.#expiry = setTimeout(() => this.#lose(), Math.max(0, sentAt + this.#leaseMs - this.#host.now()));
    if (this.#inForce) return;
    this.#inForce = true;
    this.#host.onRenewed();
  }

  #lose(): void {
    clearTimeout(this.#expiry);
    if (!this.#inForce) return;
    this.#inForce = false;
    this.#unbrokenSince = Infinity;
    this.#renewedAt = -Infinity;
    this.#host.onLost();
  }
}
