import { formatBytes, keepFocus, putJobInAddress, TEXTS } from "@forge-jobs/demo-shared";
import type { ReactElement } from "react";
import { Complaint } from "./complaint.tsx";
import { FileChoice } from "./file-choice.tsx";
import { ImportReport } from "./import-report.tsx";
import { JobCard } from "./job-card.tsx";
import { useImportContacts } from "./lib/forge/index.ts";
import { UploadProgress } from "./upload-progress.tsx";
import { useAddressOf, useJobInAddress } from "./use-job-address.ts";
import { useUpload } from "./use-upload.ts";

/** Uploads a file of contacts and imports it, or attaches to the import that the address names. */
export function ImportPanel({ announce }: { announce: (text: string) => void }): ReactElement {
  const { job, start, cancel, retry, reset } = useImportContacts(useJobInAddress("import"));
  useAddressOf("import", job?.jobId ?? "", reset);
  const { file, percent, complaint, choose, send, stop } = useUpload((uploadId) => {
    // What becomes of it is in `job`, a refusal too.
    start({ uploadId }).catch(() => {});
  });

  const leave = (): void => {
    reset();
    putJobInAddress("import", null);
  };
  const begin = (): void => {
    announce(`${TEXTS.importTitle}: ${TEXTS.uploading}`);
    void send();
  };

  return (
    <section className="panel" aria-labelledby="import-title" ref={keepFocus}>
      <header>
        <h2 id="import-title" tabIndex={-1} data-focus-home={job === null && percent === null ? "" : undefined}>
          {TEXTS.importTitle}
        </h2>
        <p>{TEXTS.importIntro}</p>
      </header>

      {job !== null ? (
        <JobCard
          label={TEXTS.importTitle}
          view={job}
          announce={announce}
          cancel={cancel}
          retry={retry}
          reset={leave}
          download={job.output?.rejectedUrl}
        >
          {job.status === "completed" && <ImportReport result={job.output} />}
        </JobCard>
      ) : file !== null && percent !== null ? (
        <UploadProgress fileName={file.name} percent={percent} cancel={stop} />
      ) : (
        <div className="form">
          <FileChoice file={file} choose={choose} />
          {complaint !== null && <Complaint text={complaint} />}
          {file !== null ? (
            <button className="button primary" type="button" onClick={begin}>
              {TEXTS.importStart} ({formatBytes(file.size)})
            </button>
          ) : (
            <p className="soft small">
              <a href={TEXTS.importSampleUrl} download="contacts.csv">
                {TEXTS.importSample}
              </a>
            </p>
          )}
        </div>
      )}
    </section>
  );
}
