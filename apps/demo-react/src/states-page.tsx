import { RUN_SAMPLES, SAMPLES, TEXTS, verificationSentence } from "@forge-jobs/demo-shared";
import type { ReactElement } from "react";
import { ExportTotals } from "./export-totals.tsx";
import { ImportReport } from "./import-report.tsx";
import { JobCard } from "./job-card.tsx";
import { RunCard } from "./run-card.tsx";
import { TripReferences } from "./trip-references.tsx";

const nothing = async (): Promise<void> => {};

/** The page that shows every state a job can have, from fixed ones. */
export function StatesPage(): ReactElement {
  return (
    <main className="page-body">
      <section>
        <h1>{TEXTS.statesTitle}</h1>
        <p className="lead">{TEXTS.statesIntro}</p>
      </section>
      <div className="samples">
        {SAMPLES.map(({ id, title, note, label, view, exported, imported }) => (
          <section key={id} className="sample" id={`state-${id}`}>
            <h2>
              {title} <span>{note}</span>
            </h2>
            <div className="panel">
              <JobCard
                label={label}
                view={view}
                download={exported?.downloadUrl ?? imported?.rejectedUrl}
                cancel={nothing}
                retry={nothing}
                reset={() => {}}
              >
                {exported && <ExportTotals result={exported} />}
                {imported && <ImportReport result={imported} />}
              </JobCard>
            </div>
          </section>
        ))}
      </div>
      <h2 className="part">{TEXTS.runStatesTitle}</h2>
      <div className="samples">
        {RUN_SAMPLES.map(({ id, title, note, words, view, verification, trip }) => (
          <section key={id} className="sample" id={`state-${id}`}>
            <h3>
              {title} <span>{note}</span>
            </h3>
            <div className="panel">
              <RunCard words={words} view={view} cancel={nothing} reset={() => {}}>
                {verification && <p>{verificationSentence(verification)}</p>}
                {trip && <TripReferences result={trip} />}
              </RunCard>
            </div>
          </section>
        ))}
      </div>
    </main>
  );
}
