import { TEXTS } from "@forge-jobs/demo-shared";
import { type ReactElement, useState } from "react";
import { ExportPanel } from "./export-panel.tsx";
import { ImportPanel } from "./import-panel.tsx";
import { TripPanel } from "./trip-panel.tsx";
import { VerificationPanel } from "./verification-panel.tsx";

/** The page that starts jobs and shows them live. */
export function LivePage(): ReactElement {
  const [announcement, announce] = useState("");
  return (
    <>
      <p className="visually-hidden" role="status" aria-live="polite">
        {announcement}
      </p>
      <main className="page-body">
        <section className="hero">
          <div>
            <h1>{TEXTS.title}</h1>
            <p className="lead">{TEXTS.intro}</p>
          </div>
          <pre className="code">
            <code>
              <i>{"// React\n"}</i>
              {"const { job, start } = "}
              <b>useExportUsers</b>
              {"();\n\n"}
              {"{"}
              <b>job</b>
              {"?.status} "}
              <i>running</i>
              {"\n{"}
              <b>job</b>
              {"?.progress} "}
              <i>42</i>
            </code>
          </pre>
        </section>
        <div className="panels">
          <ExportPanel announce={announce} />
          <ImportPanel announce={announce} />
          <VerificationPanel announce={announce} />
          <TripPanel announce={announce} />
        </div>
      </main>
    </>
  );
}
