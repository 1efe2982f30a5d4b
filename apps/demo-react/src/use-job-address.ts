import { jobInAddress, type JobParameter, onAddressChange, putJobInAddress } from "@forge-jobs/demo-shared";
import { useEffect, useSyncExternalStore } from "react";

/** The id of the job that the page's address names; null for none. */
export function useJobInAddress(parameter: JobParameter): string | null {
  return useSyncExternalStore(onAddressChange, () => jobInAddress(parameter));
}

/** Puts a job into the address once its id is known, and calls `leave` when the person goes back to before it. */
export function useAddressOf(parameter: JobParameter, jobId: string, leave: () => void): void {
  useEffect(() => {
    if (jobId !== "") putJobInAddress(parameter, jobId);
  }, [parameter, jobId]);
  useEffect(
    () =>
      onAddressChange(() => {
        if (jobInAddress(parameter) === null) leave();
      }),
    [parameter, leave],
  );
}
