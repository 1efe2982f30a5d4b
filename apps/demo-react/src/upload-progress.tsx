import { TEXTS } from "@forge-jobs/demo-shared";
import type { ReactElement } from "react";
import { Icon } from "./icon.tsx";
import { ProgressBar } from "./progress-bar.tsx";

/** What an upload that is under way shows. */
export interface UploadProgressProps {
  fileName: string;
  percent: number;
  cancel: () => void;
}

/** A file on its way to the server. */
export function UploadProgress({ fileName, percent, cancel }: UploadProgressProps): ReactElement {
  return (
    <div className="job" data-tone="accent">
      <div className="status" role="group" aria-label={TEXTS.importTitle} tabIndex={-1} data-focus-home="">
        <span className="word">
          <Icon name="file" />
          {TEXTS.uploading}
        </span>
        <span className="percent">{Math.floor(percent)} %</span>
      </div>
      <ProgressBar label={`${TEXTS.importTitle}, upload`} percent={Math.floor(percent)} />
      <div className="told">
        <p>{fileName}</p>
      </div>
      <div className="actions">
        <button className="button" type="button" onClick={cancel}>
          {TEXTS.cancel}
        </button>
      </div>
    </div>
  );
}
