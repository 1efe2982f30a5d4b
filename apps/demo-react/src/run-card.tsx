import { runFace, type RunWords, TEXTS } from "@forge-jobs/demo-shared";
import type { WorkflowView } from "@forge-jobs/react";
import { type ReactElement, type ReactNode, useEffect, useState } from "react";
import { Complaint } from "./complaint.tsx";
import { Icon } from "./icon.tsx";
import { Stepper } from "./stepper.tsx";

/** What a run's card shows, and what its buttons do. */
export interface RunCardProps {
  words: RunWords;
  view: WorkflowView;
  cancel: () => Promise<void>;
  /** Leaves the run, back to where another can be started. */
  reset: () => void;
  announce?: (text: string) => void;
  /** What else there is to show of it. */
  children?: ReactNode;
}

/** One run of a workflow, whatever its state. */
export function RunCard({ words, view, cancel, reset, announce, children }: RunCardProps): ReactElement {
  const face = runFace(words, view);
  const [isCancelling, setCancelling] = useState(false);
  const [complaint, setComplaint] = useState<string | null>(null);

  useEffect(() => announce?.(face.announcement), [announce, face.announcement]);

  async function askToCancel(): Promise<void> {
    if (isCancelling) return;
    setCancelling(true);
    setComplaint(null);
    try {
      await cancel();
    } catch (error) {
      setComplaint(error instanceof Error ? error.message : String(error));
    } finally {
      setCancelling(false);
    }
  }

  return (
    <div className="job" data-status={view.status} data-tone={face.look.tone}>
      <div className="status" role="group" aria-label={words.label} tabIndex={-1} data-focus-home="">
        <span className="word">
          <Icon name={face.look.icon} />
          {face.look.word}
        </span>
      </div>

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

      {face.steps.length > 0 && <Stepper label={words.label} steps={face.steps} />}

      {children}
      {complaint !== null && <Complaint text={complaint} />}

      {(face.canCancel || face.isSettled) && (
        <div className="actions">
          {face.canCancel && (
            <button className="button" type="button" aria-disabled={isCancelling} onClick={() => void askToCancel()}>
              {isCancelling ? TEXTS.cancelling : TEXTS.cancel}
            </button>
          )}
          {face.isSettled && (
            <button className="button" type="button" onClick={reset}>
              {TEXTS.another}
            </button>
          )}
        </div>
      )}

      {(view.workflowId !== "" || face.connection !== null) && (
        <p className="facts">
          <span>
            {view.workflowId !== "" && (
              <>
                Run <code>{view.workflowId}</code>
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
