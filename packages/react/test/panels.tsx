import type { JobState } from "@forge-jobs/client";
import type { ReactElement } from "react";
import { faceOf } from "../../client/test/adapter-suite.ts";
import { useJob, useStartJob } from "../src/index.ts";

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
