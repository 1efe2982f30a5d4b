import type { JobStore as ClientJobStore, JobView } from "@forge-jobs/client";
import { createSubscriber } from "svelte/reactivity";

/** The client's job store, which is a Svelte store (`$job.status`), with `current` for runes (`job.current.status`). */
export interface JobStore<Output = unknown> extends ClientJobStore<Output> {
  /** The view now. Read in an effect, a template or a derived, it is watched for as long as that lives. */
  readonly current: JobView<Output>;
}

/** A class instance, which `$state` does not proxy; its functions are bound, so that they may be passed as they are. */
export class RuneStore<Output> implements JobStore<Output> {
  readonly subscribe: ClientJobStore<Output>["subscribe"];
  readonly get: ClientJobStore<Output>["get"];
  readonly unsubscribe: ClientJobStore<Output>["unsubscribe"];
  readonly cancel: ClientJobStore<Output>["cancel"];
  readonly retry: ClientJobStore<Output>["retry"];
  readonly #store: ClientJobStore<Output>;
  readonly #track: () => void;

  constructor(store: ClientJobStore<Output>) {
    ({ subscribe: this.subscribe, get: this.get, unsubscribe: this.unsubscribe } = store);
    ({ cancel: this.cancel, retry: this.retry } = store);
    this.#store = store;
    this.#track = createSubscriber((update) => {
      let isFirst = true;
      return store.subscribe(() => {
        // The first call comes while the view is being read, where runes may not change.
        if (!isFirst) update();
        isFirst = false;
      });
    });
  }

  get current(): JobView<Output> {
    this.#track();
    return this.#store.get();
  }

  get done(): Promise<Output> {
    return this.#store.done;
  }
}
