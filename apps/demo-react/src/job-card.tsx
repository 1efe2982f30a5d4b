import { fileNameOf, followJob, TEXTS } from "@forge-jobs/demo-shared";
import type { JobView } from "@forge-jobs/react";
import { type ReactElement, type ReactNode, useEffect, useMemo, useState } from "react";
import { Complaint } from "./complaint.tsx";
import { Icon } from "./icon.tsx";
import { ProgressBar } from "./progress-bar.tsx";

/** What a job card shows, and what its buttons do. */
export interface JobCardProps {
  label: string;
  view: JobView;
  cancel: () => Promise<void>;
  retry: () => Promise<void>;
  /** Leaves the job, back to where another can be started. */
  reset: () => void;
  announce?: (text: string) => void;
  /** Where the file is that the job has made. */
  download?: string | null | undefined;
  /** What else a completed job has to show. */
  children?: ReactNode;
}

/** One job, whatever its state. */
export function JobCard({
  label,
  view,
  cancel,
  retry,
  reset,
  announce,
  download,
  children,
}: JobCardProps): ReactElement {
  const follow = useMemo(() => followJob(label), [label]);
  const face = follow(view);
  const [asked, setAsked] = useState<"cancel" | "retry" | null>(null);
  const [complaint, setComplaint] = useState<string | null>(null);

  useEffect(() => announce?.(face.announcement), [announce, face.announcement]);

  async function ask(verb: "cancel" | "retry", action: () => Promise<void>): Promise<void> {
    if (asked !== null) return;
    setAsked(verb);
    setComplaint(null);
    try {
      await action();
    } catch (error) {
      setComplaint(error instanceof Error ? error.message : String(error));
    } finally {
      setAsked(null);
    }
  }

  return (
    <div className="job" data-status={view.status} data-tone={face.look.tone}>
      <div className="status" role="group" aria-label={label} tabIndex={-1} data-focus-home="">
        <span className="word">
          <Icon name={face.look.icon} />
          {face.look.word}
        </span>
        {face.hasBar && face.percent !== null && <span className="percent">{face.percent} %</span>}
      </div>

      {face.hasBar && <ProgressBar label={`${label}, progress`} percent={face.percent} />}

      {(face.message !== null || face.error !== null) && (
        <div className="told">
          {face.error !== null && (
            <p className="sentence reason" dir="auto">
              {face.error}
            </p>
          )}
          {face.message !== null && (
            <p className="sentence" dir="auto">
              {face.message}
            </p>
          )}
        </div>
      )}

      {children}
      {complaint !== null && <Complaint text={complaint} />}

      {(face.canCancel || face.canRetry || face.isSettled) && (
        <div className="actions">
          {download && (
            <a className="button primary" href={download} download={fileNameOf(download)}>
              Download {fileNameOf(download)}
            </a>
          )}
          {face.canCancel && (
            <button
              className="button"
              type="button"
              aria-disabled={asked !== null}
              onClick={() => void ask("cancel", cancel)}
            >
              {asked === "cancel" ? TEXTS.cancelling : TEXTS.cancel}
            </button>
          )}
          {face.canRetry && (
            <button
              className="button primary"
              type="button"
              aria-disabled={asked !== null}
              onClick={() => void ask("retry", retry)}
            >
              {asked === "retry" ? TEXTS.retrying : TEXTS.retry}
            </button>
          )}
          {face.isSettled && (
            <button className="button" type="button" onClick={reset}>
              {TEXTS.another}
            </button>
          )}
        </div>
      )}

      {(view.jobId !== "" || face.connection !== null) && (
        <p className="facts">
          <span>
            {view.jobId !== "" && (
              <>
                Job <code>{view.jobId}</code>
              </>
            )}
          </span>
          {face.connection !== null && (
            <span className="connection" data-tone={face.connection.tone}>
              <Icon name={face.connection.icon} size={16} />
              {face.connection.word}
            </span>
          )}
        </p>
      )}
    </div>
  );
}
