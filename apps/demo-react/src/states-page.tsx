import { SAMPLES, TEXTS } from "@forge-jobs/demo-shared";
import type { ReactElement } from "react";
import { ExportTotals } from "./export-totals.tsx";
import { ImportReport } from "./import-report.tsx";
import { JobCard } from "./job-card.tsx";

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
    </main>
  );
}
