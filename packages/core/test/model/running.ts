// Steps of a walk expect on behalf of the test that takes it.
/* oxlint-disable vitest/no-standalone-expect */

import fc from "fast-check";
import { expect } from "vitest";
import type { Outcome, RunUpdate } from "../../src/store.ts";
import type { Model, ModelRun } from "./model.ts";
import { MINUTE_MS } from "./model-job.ts";
import type { Place } from "./reach.ts";
import { ERROR, hasRuns, minutes, place, runAt, shown, Step } from "./step.ts";

const error = fc.constantFrom("TypeError", "NetworkError").map((errorName) => ({ ...ERROR, errorName }));

const outcome: fc.Arbitrary<Outcome> = fc.oneof(
  { weight: 3, arbitrary: fc.constant<Outcome>({ kind: "completed", output: '{"n":1}' }) },
  fc.tuple(minutes, error).map(([delay, why]): Outcome => ({ kind: "retry", delayMs: delay * MINUTE_MS, ...why })),
  minutes.map((delay): Outcome => ({ kind: "given_back", delayMs: delay * MINUTE_MS })),
  { weight: 2, arbitrary: error.map((why): Outcome => ({ kind: "failed", ...why })) },
  error.map((why): Outcome => ({ kind: "dead_letter", ...why })),
  error.map((why): Outcome => ({ kind: "discarded", ...why })),
);

/** The outcomes of jobs; runs of workflows have two more. */
type JobOutcome = Exclude<Outcome, { kind: "suspended" | "compensated" }>;

const SETTLED: Readonly<Record<JobOutcome["kind"], Place>> = {
  completed: "a job settled as completed",
  retry: "a job went back to retry",
  given_back: "a job was given back",
  failed: "a job failed",
  dead_letter: "a job became a dead letter",
  discarded: "a job failed for good",
};

interface Said {
  readonly progress: number | undefined;
  readonly message: string | undefined;
  readonly outcome: Outcome | null;
}

function updateOf(model: Model, run: ModelRun, said: Said): RunUpdate {
  // A worker says that a run started before, or with, whatever else the run says.
  const started = model.jobs.get(run.id)?.status === "claimed" && said.outcome?.kind !== "given_back";
  return { ...run, ...said, started };
}

/** Does what the run says and was found to be allowed. */
function expectApplied(model: Model, update: RunUpdate): void {
  const before = model.jobs.get(update.id)!.status;
  model.update(update);
  if (update.outcome === null) return;
  if (before === "cancel_requested") model.reach.by("a run that was asked to stop settled");
  else model.reach.by(SETTLED[(update.outcome as JobOutcome).kind]);
}

/** `again`: it is sent twice, as after an answer that was lost. */
export const update: fc.Arbitrary<Step> = fc
  .record({
    runs: fc.array(place, { minLength: 1, maxLength: 3 }),
    said: fc.record({
      progress: fc.option(fc.integer({ min: 0, max: 100 }), { nil: undefined }),
      message: fc.option(fc.constantFrom("one", "two"), { nil: undefined }),
      outcome: fc.option(outcome, { freq: 2 }),
    }),
    again: fc.boolean(),
  })
  .map(
    ({ runs, said, again }) =>
      new Step(
        `runs ${runs.join()} say ${shown(said)}${again ? ", twice" : ""}`,
        async (model, { store }) => {
          const chosen = new Map(runs.map((n) => runAt(model, n)).map((run) => [run.id, run]));
          const updates = [...chosen.values()]
            .map((run) => updateOf(model, run, said))
            .filter(
              (one) => one.started || one.outcome !== null || one.progress !== undefined || one.message !== undefined,
            );
          const results = await store.jobs.update({ updates });
          for (const [n, one] of updates.entries()) {
            const result = results[n]!;
            if (model.isCurrent(one)) {
              expectApplied(model, one);
              const { status } = model.jobs.get(one.id)!;
              expect(result).toEqual({ id: one.id, result: "applied", cancelRequested: status === "cancel_requested" });
            } else if (one.outcome === null) {
              expect(result).toMatchObject({ id: one.id, result: "stale" });
              model.reach.by("a stale run was refused");
            }
          }
          if (!again || said.outcome === null) return;
          const repeated = await store.jobs.update({ updates: updates.map((one) => ({ ...one, started: false })) });
          for (const [n, { result }] of repeated.entries()) {
            if (results[n]!.result === "applied") expect(result).toBe("applied");
          }
          model.reach.by("an outcome was said twice");
        },
        hasRuns,
      ),
  );
