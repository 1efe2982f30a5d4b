import type { Logger } from "../logger.ts";
import type { QueueSettings, WorkerOrders, WorkerVerbs } from "../store.ts";

/** What the reader of orders asks of the worker around it. */
export interface OrdersHost {
  readonly workers: Pick<WorkerVerbs, "orders" | "heed" | "drain">;
  readonly log: Logger;
  /** The id under which this worker is registered at present. */
  workerId(): string;
  /** Acts by the orders at once: nothing that they forbid starts from now on. */
  apply(orders: WorkerOrders): void;
}

const POLL_MS = 1_000;

/**
 * What this worker is to heed: settings of queues, and whether it drains.
 *
 * Deaf, at first and while hints of other processes are lost: asks every second. Hearing: asks when a hint says so, and when
 * it is told to, which each beat does. Stopped: keeps what it knows.
 *
 * What was read is acted upon first, and then noted in the worker's row, where whoever gave an order waits to see it.
 */
export class Orders {
  readonly #host: OrdersHost;
  readonly #settings = new Map<string, QueueSettings>();
  #drains = false;
  #drainingBy: string | null = null;
  #heeded = { workerId: "", version: 0 };
  #reading: Promise<void> | null = null;
  #last: Promise<void> = Promise.resolve();
  #again = false;
  #timer: NodeJS.Timeout | undefined;
  #hearing = false;
  #begun = false;
  #stopped = false;

  constructor(host: OrdersHost) {
    this.#host = host;
  }

  /** Whether this worker takes nothing new. Once it does, it does for ever, whatever id it has to take on. */
  get drains(): boolean {
    return this.#drains;
  }

  /** What is set of a queue; undefined where nothing is. */
  queue(name: string): QueueSettings | undefined {
    return this.#settings.get(name);
  }

  /** Reads what is ordered now, and acts by it, one reading after the other. Throws what the store throws. */
  read(): Promise<void> {
    // An answer that comes late must not undo what a later one said.
    const reading = this.#last.then(() => this.#readNow());
    this.#last = reading.catch(() => {});
    return reading;
  }

  async #readNow(): Promise<void> {
    const { workers } = this.#host;
    const workerId = this.#host.workerId();
    const orders = await workers.orders({ workerId });
    this.#act(orders);
    // It had another id when it was told.
    if (this.#drains && !orders.draining) {
      await workers.drain({ workerId, ...(this.#drainingBy !== null && { by: this.#drainingBy }) });
    }
    const { version } = orders;
    if (this.#heeded.workerId === workerId && this.#heeded.version >= version) return;
    await workers.heed({ workerId, version });
    this.#heeded = { workerId, version };
  }

  /** Reads soon, and once more if asked while it does. Never rejects. */
  refresh(): Promise<void> {
    this.#again = true;
    return (this.#reading ??= this.#readAll());
  }

  /** Begins to ask every second while hints do not arrive. */
  begin(): void {
    this.#begun = true;
    this.#poll();
  }

  /** Whether hints of other processes arrive. */
  hears(hearing: boolean): void {
    this.#hearing = hearing;
    this.#poll();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  #act(orders: WorkerOrders): void {
    this.#drains ||= orders.draining;
    this.#drainingBy ??= orders.drainingBy;
    this.#settings.clear();
    for (const settings of orders.queues) this.#settings.set(settings.name, settings);
    this.#host.apply({ ...orders, draining: this.#drains });
  }

  async #readAll(): Promise<void> {
    while (this.#again && !this.#stopped) {
      this.#again = false;
      try {
        await this.read();
      } catch (cause) {
        // The next beat asks again.
        this.#host.log.warn("Cannot read the settings of queues; going on by those of before", { cause });
      }
    }
    this.#reading = null;
  }

  #poll(): void {
    clearTimeout(this.#timer);
    if (this.#hearing || this.#stopped || !this.#begun) return;
    this.#timer = setTimeout(() => void this.refresh().then(() => this.#poll()), POLL_MS);
  }
}
