import { clockForward, isMailSent, readVerification, type Verification } from "@forge-jobs/demo-shared";
import type { WorkflowView } from "@forge-jobs/react";
import { useEffect, useState } from "react";

/** What the demo's server knows of a verification besides its run. */
export interface KnownVerification {
  /** Null until the mail is sent and was read. */
  readonly known: Verification | null;
  /** Whether the clock is being moved. */
  readonly isMoving: boolean;
  /** Why something did not work. */
  readonly complaint: string | null;
  readonly moveClock: () => Promise<void>;
}

/** Reads the mailbox once the run's mail is in it, and moves the clock. */
export function useVerification(view: WorkflowView): KnownVerification {
  const [known, setKnown] = useState<Verification | null>(null);
  const [isMoving, setMoving] = useState(false);
  const [complaint, setComplaint] = useState<string | null>(null);
  const sentBy = isMailSent(view) ? view.workflowId : null;

  useEffect(() => {
    if (sentBy === null) return;
    readVerification(sentBy).then(setKnown, (error: unknown) => setComplaint(sentenceOf(error)));
  }, [sentBy]);
  const moveClock = async (): Promise<void> => {
    if (isMoving) return;
    setMoving(true);
    setComplaint(null);
    try {
      setKnown(await clockForward(view.workflowId));
    } catch (error) {
      setComplaint(sentenceOf(error));
    } finally {
      setMoving(false);
    }
  };
  return { known, isMoving, complaint, moveClock };
}

function sentenceOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
