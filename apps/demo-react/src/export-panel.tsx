import { keepFocus, putJobInAddress, TEXTS } from "@forge-jobs/demo-shared";
import { type FormEvent, type ReactElement, useState } from "react";
import { ExportTotals } from "./export-totals.tsx";
import { JobCard } from "./job-card.tsx";
import { useExportUsers } from "./lib/forge/index.ts";
import { useAddressOf, useJobInAddress } from "./use-job-address.ts";

const FORMATS = ["csv", "json"] as const;

/** Starts an export of all users, or attaches to the one that the address names. */
export function ExportPanel({ announce }: { announce: (text: string) => void }): ReactElement {
  const [format, setFormat] = useState<(typeof FORMATS)[number]>("csv");
  const [flaky, setFlaky] = useState(false);
  const { job, start, cancel, retry, reset } = useExportUsers(useJobInAddress("job"));
  useAddressOf("job", job?.jobId ?? "", reset);

  const submit = (event: FormEvent): void => {
    event.preventDefault();
    // What becomes of it is in `job`, a refusal too.
    start({ format, flaky }).catch(() => {});
  };
  const leave = (): void => {
    reset();
    putJobInAddress("job", null);
  };

  return (
    <section className="panel" aria-labelledby="export-title" ref={keepFocus}>
      <header>
        <h2 id="export-title" tabIndex={-1} data-focus-home={job === null ? "" : undefined}>
          {TEXTS.exportTitle}
        </h2>
        <p>{TEXTS.exportIntro}</p>
      </header>

      {job === null ? (
        <form className="form" onSubmit={submit}>
          <fieldset>
            <legend>{TEXTS.exportFormat}</legend>
            <div className="choices">
              {FORMATS.map((one) => (
                <label key={one}>
                  <input type="radio" name="format" checked={format === one} onChange={() => setFormat(one)} />
                  {one.toUpperCase()}
                </label>
              ))}
            </div>
          </fieldset>
          <label className="option">
            <input type="checkbox" checked={flaky} onChange={(event) => setFlaky(event.currentTarget.checked)} />
            {TEXTS.exportFlaky}
          </label>
          <button className="button primary" type="submit">
            {TEXTS.exportStart}
          </button>
        </form>
      ) : (
        <JobCard
          label={TEXTS.exportTitle}
          view={job}
          announce={announce}
          cancel={cancel}
          retry={retry}
          reset={leave}
          download={job.output?.downloadUrl}
        >
          {job.status === "completed" && <ExportTotals result={job.output} />}
        </JobCard>
      )}
    </section>
  );
}
