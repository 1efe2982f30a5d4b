import type {
  JobStore as ClientJobStore,
  JobView,
  Store,
  WorkflowStore as ClientWorkflowStore,
  WorkflowView,
} from "@forge-jobs/client";
import { createSubscriber } from "svelte/reactivity";

/** The client's job store, which is a Svelte store (`$job.status`), with `current` for runes (`job.current.status`). */
export interface JobStore<Output = unknown> extends ClientJobStore<Output> {
  /** The view now. Read in an effect, a template or a derived, it is watched for as long as that lives. */
  readonly current: JobView<Output>;
}

/** The same for a run of a workflow: `$run.status` and `run.current.status`. */
export interface WorkflowStore<Output = unknown> extends ClientWorkflowStore<Output> {
  /** As in `JobStore`. */
  readonly current: WorkflowView<Output>;
}

/** A class instance, which `$state` does not proxy; its functions are bound, so that they may be passed as they are. */
class RuneStore<View, Output> implements Store<View, Output> {
  readonly subscribe: Store<View, Output>["subscribe"];
  readonly get: Store<View, Output>["get"];
  readonly unsubscribe: Store<View, Output>["unsubscribe"];
  readonly cancel: Store<View, Output>["cancel"];
  readonly #store: Store<View, Output>;
  readonly #track: () => void;

  constructor(store: Store<View, Output>) {
    ({ subscribe: this.subscribe, get: this.get, unsubscribe: this.unsubscribe, cancel: this.cancel } = store);
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

  get current(): View {
    this.#track();
    return this.#store.get();
  }

  get done(): Promise<Output> {
    return this.#store.done;
  }
}

/** A `RuneStore` of a job. */
export class RuneJobStore<Output> extends RuneStore<JobView<Output>, Output> implements JobStore<Output> {
  readonly retry: ClientJobStore<Output>["retry"];

  constructor(store: ClientJobStore<Output>) {
    super(store);
    this.retry = store.retry;
  }
}

/** A `RuneStore` of a run. */
export class RuneWorkflowStore<Output>
  extends RuneStore<WorkflowView<Output>, Output>
  implements WorkflowStore<Output>
{
  readonly signal: ClientWorkflowStore<Output>["signal"];

  constructor(store: ClientWorkflowStore<Output>) {
    super(store);
    this.signal = store.signal;
  }
}
