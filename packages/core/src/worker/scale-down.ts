import { longTimer } from "../long-timer.ts";
import type { Run } from "./run.ts";

/** What scaling down asks of the worker around it. */
export interface ScaleDownHost {
  /** How long surplus handlers may go on before they are told to stop. */
  readonly graceMs: number;
  /** How many handlers of the queue may run at once. */
  slots(queue: string): number;
  /** The runs that hold a slot of the queue. */
  runs(queue: string): Run[];
}

/**
 * Brings queues down to fewer slots: what runs may end by itself for a while; then the signals of as many as are still too
 * many abort with `SCALED_DOWN`, of the last started first, since they lose the least. Their jobs go back, uncounted.
 */
export class ScaleDown {
  readonly #host: ScaleDownHost;
  readonly #slots = new Map<string, number>();
  readonly #disarms = new Map<string, () => void>();

  constructor(host: ScaleDownHost) {
    this.#host = host;
  }

  /** The queue may have another number of slots than before; the grace counts from the last time that it had. */
  look(queue: string): void {
    const slots = this.#host.slots(queue);
    if (this.#slots.get(queue) === slots) return;
    this.#slots.set(queue, slots);
    this.#disarms.get(queue)?.();
    this.#disarms.delete(queue);
    if (this.#host.runs(queue).length <= slots) return;
    this.#disarms.set(
      queue,
      longTimer(() => this.#abort(queue), this.#host.graceMs),
    );
  }

  stop(): void {
    for (const disarm of this.#disarms.values()) disarm();
    this.#disarms.clear();
  }

  #abort(queue: string): void {
    this.#disarms.delete(queue);
    const runs = this.#host.runs(queue);
    let surplus = runs.length - this.#host.slots(queue);
    for (const { aborted } of runs) if (aborted) surplus--;
    const lastFirst = runs.filter(({ aborted }) => !aborted).toSorted((a, b) => a.ms - b.ms);
    for (const run of lastFirst.slice(0, Math.max(surplus, 0))) run.abort("SCALED_DOWN");
  }
}
