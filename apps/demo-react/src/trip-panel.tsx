import { keepFocus, putJobInAddress, TEXTS, TRIP_WORDS } from "@forge-jobs/demo-shared";
import { type FormEvent, type ReactElement, useState } from "react";
import { useBookTrip } from "./lib/forge/index.ts";
import { RunCard } from "./run-card.tsx";
import { TripReferences } from "./trip-references.tsx";
import { useAddressOf, useJobInAddress } from "./use-job-address.ts";

/** Books a trip, or attaches to the booking that the page's address names. */
export function TripPanel({ announce }: { announce: (text: string) => void }): ReactElement {
  const [noCars, setNoCars] = useState(true);
  const { workflow, start, cancel, reset } = useBookTrip(useJobInAddress("trip"));
  useAddressOf("trip", workflow?.workflowId ?? "", reset);

  const submit = (event: FormEvent): void => {
    event.preventDefault();
    // What becomes of it is in `workflow`, a refusal too.
    start({ carsLeft: !noCars }).catch(() => {});
  };
  const leave = (): void => {
    reset();
    putJobInAddress("trip", null);
  };

  return (
    <section className="panel" aria-labelledby="trip-title" ref={keepFocus}>
      <header>
        <h2 id="trip-title" tabIndex={-1} data-focus-home={workflow === null ? "" : undefined}>
          {TEXTS.tripTitle}
        </h2>
        <p>{TEXTS.tripIntro}</p>
      </header>

      {workflow === null ? (
        <form className="form" onSubmit={submit}>
          <label className="option">
            <input type="checkbox" checked={noCars} onChange={(event) => setNoCars(event.currentTarget.checked)} />
            {TEXTS.tripNoCars}
          </label>
          <button className="button primary" type="submit">
            {TEXTS.tripStart}
          </button>
        </form>
      ) : (
        <RunCard words={TRIP_WORDS} view={workflow} announce={announce} cancel={cancel} reset={leave}>
          {workflow.status === "completed" && <TripReferences result={workflow.output} />}
        </RunCard>
      )}
    </section>
  );
}
