import { uploadFile, whyNotUpload } from "@forge-jobs/demo-shared";
import { useRef, useState } from "react";

/** A file on its way from being chosen to lying on the server. */
export interface Upload {
  readonly file: File | null;
  /** How much has been sent; null while nothing is. */
  readonly percent: number | null;
  /** Why the file was not taken. */
  readonly complaint: string | null;
  readonly choose: (file: File) => void;
  readonly send: () => Promise<void>;
  readonly stop: () => void;
}

/** Chooses and sends a file; `onUploaded` gets its id, and the file is forgotten. */
export function useUpload(onUploaded: (uploadId: string) => void): Upload {
  const [file, setFile] = useState<File | null>(null);
  const [percent, setPercent] = useState<number | null>(null);
  const [complaint, setComplaint] = useState<string | null>(null);
  const ending = useRef<AbortController | null>(null);

  const choose = (chosen: File): void => {
    const reason = whyNotUpload(chosen);
    setComplaint(reason);
    setFile(reason === null ? chosen : null);
  };
  const send = async (): Promise<void> => {
    if (file === null) return;
    const { signal } = (ending.current = new AbortController());
    setPercent(0);
    setComplaint(null);
    try {
      onUploaded(await uploadFile(file, { onProgress: setPercent, signal }));
      setFile(null);
    } catch (error) {
      if (!signal.aborted) setComplaint(error instanceof Error ? error.message : String(error));
    } finally {
      setPercent(null);
    }
  };
  return { file, percent, complaint, choose, send, stop: () => ending.current?.abort() };
}
