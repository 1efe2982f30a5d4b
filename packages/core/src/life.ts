import { ForgeError } from "./errors.ts";
import { isJobThread } from "./isolate/definitions.ts";
import { newId } from "./id.ts";
import type { Logger } from "./logger.ts";
import { freeKeys } from "./maintenance/free-keys.ts";
import { periodic } from "./maintenance/periodic.ts";
import { rescueDead } from "./maintenance/rescue.ts";
import { unservedCheck } from "./maintenance/unserved.ts";
import { Sweeper } from "./maintenance/sweep.ts";
import type { Ticker } from "./cron/ticker.ts";
import type { Store } from "./store.ts";
import { thisProcess } from "./worker/process-identity.ts";
import type { Worker } from "./worker/worker.ts";

const SWEEP_MS = 60_000;
const SWEEP_LEASE_MS = 3 * SWEEP_MS;

interface LifeParts {
  readonly store: Store;
  readonly worker: Worker | null;
  readonly ticker: Ticker;
  readonly log: Logger;
  /** What must be there before a worker takes anything; where it throws, the start fails. */
  readonly beforeWork: () => Promise<void>;
}

/**
 * The life of one engine: new, started, stopped.
 *
 * New: dispatches work where the schema is up to date already. Started: by the first `start`, which later calls share; one
 * that failed may be repeated. Stopped: by the first `stop`, which waits for a start under way; never left.
 */
export class Life {
  readonly #store: Store;
  readonly #worker: Worker | null;
  readonly #ticker: Ticker;
  readonly #log: Logger;
  readonly #beforeWork: () => Promise<void>;
  readonly #sweeps: (() => Promise<void>)[] = [];
  readonly #sweeper: Sweeper;
  #starting: Promise<void> | null = null;
  #stopping: Promise<void> | null = null;

  constructor({ store, worker, ticker, log, beforeWork }: LifeParts) {
    this.#store = store;
    this.#worker = worker;
    this.#ticker = ticker;
    this.#log = log;
    this.#beforeWork = beforeWork;
    this.#sweeper = new Sweeper({
      sweeps: store.sweeps,
      holder: newId(),
      leaseMs: SWEEP_LEASE_MS,
      log,
      now: () => performance.now(),
      hostNow: () => Date.now(),
      isStopping: () => this.#stopping !== null,
    });
  }

  /** See `Forge.start`. */
  start(migrate: boolean): Promise<void> {
    if (isJobThread()) {
      return Promise.reject(
        new ForgeError(
          "CONFLICT",
          "An isolated job's thread starts no engine: define the job in a module that starts nothing, or name that module in isolate.",
        ),
      );
    }
    if (this.#stopping !== null) {
      return Promise.reject(new ForgeError("CONFLICT", "This engine was stopped; make a new one with createForge."));
    }
    this.#starting ??= this.#start(migrate).catch((error: unknown) => {
      this.#starting = null;
      throw error;
    });
    return this.#starting;
  }

  /** See `Forge.stop`. */
  stop(timeoutMs: number): Promise<void> {
    return (this.#stopping ??= this.#stop(timeoutMs));
  }

  async #start(migrate: boolean): Promise<void> {
    if (this.#worker !== null) await this.#beforeWork();
    await (migrate ? this.#store.migrate() : this.#store.checkSchema());
    if (this.#worker === null || this.#stopping !== null) return;
    await this.#ticker.register();
    await this.#worker.start();
    this.#ticker.start();
    const { lease } = this.#worker;
    const rescue = { workers: this.#store.workers, lease, self: thisProcess(), log: this.#log };
    const sweeper = this.#sweeper;
    this.#sweeps.push(
      periodic("rescue", lease.intervalMs, () => rescueDead(rescue), this.#log, Math.random),
      periodic(
        "unserved jobs",
        lease.intervalMs,
        unservedCheck({ store: this.#store, lease, log: this.#log }),
        this.#log,
        Math.random,
      ),
      periodic("concurrency keys", SWEEP_MS, () => this.#freeKeys(), this.#log, Math.random),
      periodic("ended jobs", SWEEP_MS, () => sweeper.sweep(), this.#log, Math.random),
    );
  }

  async #freeKeys(): Promise<void> {
    const lanes = this.#worker?.lanesWithoutKeys() ?? [];
    await freeKeys(this.#store.sweeps, lanes, () => this.#stopping !== null);
  }

  async #stop(timeoutMs: number): Promise<void> {
    try {
      await this.#starting?.catch(() => {});
      await Promise.all([this.#ticker.stop(), this.#worker?.stop(timeoutMs), ...this.#sweeps.map((end) => end())]);
      await this.#sweeper
        .resign()
        .catch((cause: unknown) =>
          this.#log.warn("This process could not hand on its sweeps; they rest for a while", { cause }),
        );
    } finally {
      await this.#store.close();
    }
  }
}
