import type { JobState, WorkflowState } from "@forge-jobs/client";
import type { ReactElement } from "react";
import { faceOf, faceOfRun } from "../../client/test/adapter-suite.ts";
import { useJob, useStartJob, useStartWorkflow, useWorkflow } from "../src/index.ts";

export function WatchJob({ id, initial = null }: { id: string | null; initial?: JobState | null }): ReactElement {
  const { job, cancel, retry } = useJob(id, { initial });
  return (
    <>
      <p>{faceOf(job)}</p>
      <button onClick={() => void cancel()}>cancel</button>
      <button onClick={() => void retry()}>retry</button>
    </>
  );
}

export function StartJob({ type, args }: { type: string; args: unknown }): ReactElement {
  const { job, start } = useStartJob(type);
  return (
    <>
      <p>{faceOf(job)}</p>
      <button onClick={() => void start(args)}>start</button>
    </>
  );
}

export function WatchRun({ id, initial = null }: { id: string | null; initial?: WorkflowState | null }): ReactElement {
  const { workflow, cancel, signal } = useWorkflow(id, { initial });
  return (
    <>
      <p>{faceOfRun(workflow)}</p>
      <button onClick={() => void cancel()}>cancel</button>
      <button onClick={() => void signal("clicked", 7)}>signal</button>
    </>
  );
}

export function StartRun({ type, args }: { type: string; args: unknown }): ReactElement {
  const { workflow, start } = useStartWorkflow(type);
  return (
    <>
      <p>{faceOfRun(workflow)}</p>
      <button onClick={() => void start(args)}>start</button>
    </>
  );
}
