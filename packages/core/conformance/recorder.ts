import type { ChangeHint, ChangeListener, ChangeOrigin, Store } from "@forge-jobs/core";

/** One call of a listener. */
export type Heard =
  | { readonly kind: "available"; readonly queues: readonly string[] | "any" }
  | { readonly kind: "moved"; readonly hints: readonly ChangeHint[] | "any"; readonly origin: ChangeOrigin }
  | { readonly kind: "orders" }
  | { readonly kind: "live"; readonly live: boolean };

const DEADLINE_MS = 5_000;

/** A listener that remembers what it heard and lets a case wait for it. */
export class Recorder implements ChangeListener {
  readonly heard: Heard[] = [];
  readonly unsubscribe: () => void;
  readonly #waiting = new Set<() => void>();

  constructor(store: Store) {
    this.unsubscribe = store.changes.subscribe(this);
  }

  /** A recorder that hears other processes already. */
  static async live(store: Store): Promise<Recorder> {
    const recorder = new Recorder(store);
    await recorder.until("live", () => recorder.heard.some((one) => one.kind === "live" && one.live));
    return recorder;
  }

  onAvailable(queues: readonly string[] | "any"): void {
    this.#add({ kind: "available", queues });
  }

  onMoved(hints: readonly ChangeHint[] | "any", origin: ChangeOrigin): void {
    this.#add({ kind: "moved", hints, origin });
  }

  onOrders(): void {
    this.#add({ kind: "orders" });
  }

  onLive(live: boolean): void {
    this.#add({ kind: "live", live });
  }

  /** Whether a hint named the queue; `any` counts only where the case says so. */
  hasAvailable(queue: string, { any = false }: { any?: boolean } = {}): boolean {
    return this.heard.some(
      (one) => one.kind === "available" && (one.queues === "any" ? any : one.queues.includes(queue)),
    );
  }

  get ordersHeard(): number {
    return this.heard.filter(({ kind }) => kind === "orders").length;
  }

  /** The revisions that hints named for a job, in the order of hearing. */
  revisionsOf(id: string): number[] {
    return this.heard.flatMap((one) =>
      one.kind === "moved" && one.hints !== "any"
        ? one.hints.filter((hint) => hint.id === id).map(({ revision }) => revision)
        : [],
    );
  }

  hasMoved(id: string, revision: number, { any = false }: { any?: boolean } = {}): boolean {
    return (
      this.revisionsOf(id).includes(revision) ||
      (any && this.heard.some((one) => one.kind === "moved" && one.hints === "any"))
    );
  }

  /** Waits until what was heard meets the condition. */
  until(what: string, condition: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        if (!condition()) return;
        finish();
        resolve();
      };
      const timer = setTimeout(() => {
        finish();
        reject(new Error(`Waited ${DEADLINE_MS} ms to hear: ${what}. Heard: ${JSON.stringify(this.heard)}`));
      }, DEADLINE_MS);
      const finish = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(look);
      };
      this.#waiting.add(look);
      look();
    });
  }

  #add(heard: Heard): void {
    this.heard.push(heard);
    for (const look of this.#waiting) look();
  }
}
