import { checkId } from "../id.ts";
import { refuseUnknownOptions } from "../options.ts";
import { ForgeError, shown } from "../errors.ts";
import type { ClaimedJob } from "../store.ts";
import type { WorkflowDefinition } from "../workflow/define-workflow.ts";
import type { StepFunction } from "../workflow/tuning.ts";

/** Which steps `TestForge.mockStep` replaces, besides by their name. */
export interface MockStepOptions {
  /** Only in runs of this workflow. Default: of any. */
  workflow?: WorkflowDefinition;
  /** Only in the run of this id. Default: in any. */
  run?: string;
}

interface Mock {
  readonly name: string;
  readonly type: string | null;
  readonly runId: string | null;
  readonly fn: StepFunction;
}

/** What is called in the place of steps; of several that fit the newest one counts. */
export class StepMocks {
  #mocks: readonly Mock[] = [];

  add(name: string, fnOrValue: unknown, options: MockStepOptions = {}): () => void {
    if (typeof name !== "string" || name === "") {
      throw new ForgeError("BAD_REQUEST", `mockStep takes the name of a step; got ${shown(name)}.`);
    }
    refuseUnknownOptions("mockStep", options, ["workflow", "run"]);
    const mock: Mock = {
      name,
      type: options.workflow?.job.name ?? null,
      runId: options.run === undefined ? null : checkId(options.run, "A run's id"),
      fn: typeof fnOrValue === "function" ? (fnOrValue as StepFunction) : () => fnOrValue,
    };
    this.#mocks = [...this.#mocks, mock];
    return () => {
      this.#mocks = this.#mocks.filter((other) => other !== mock);
    };
  }

  functionOf(run: ClaimedJob, key: string, fn: StepFunction): StepFunction {
    const mock = this.#mocks.findLast(
      ({ name, type, runId }) =>
        (name === key || name === plainName(key)) &&
        (type === null || type === run.type) &&
        (runId === null || runId === run.id),
    );
    return mock?.fn ?? fn;
  }
}

/** The name that the code gave: without its scopes and the number of its repetition, but with the mark of an undoing. */
function plainName(key: string): string {
  const mark = key.startsWith("~") ? "~" : "";
  const name = key.slice(mark.length).split("/").at(-1)!;
  return mark + name.replace(/#\d+$/, "");
}
