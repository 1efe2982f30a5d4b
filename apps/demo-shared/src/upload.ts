/** The largest file that the demo's server takes, in bytes. */
const LARGEST_UPLOAD: number = 20 * 1024 * 1024;

/** An upload that did not come through; the message is a sentence for the person. */
export class UploadFailed extends Error {
  override readonly name: string = "UploadFailed";
}

/** How an upload is watched and ended. */
export interface UploadOptions {
  /** Hears how much has been sent, from 0 to 100. */
  readonly onProgress: (percent: number) => void;
  /** Ends the upload; the promise then rejects with the signal's reason. */
  readonly signal: AbortSignal;
}

type UploadAnswer = { success: true; data: { uploadId: string } } | { success: false; error: { message: string } };

/** Says why a file cannot be uploaded, before anything is sent; null if it can. */
export function whyNotUpload(file: File): string | null {
  if (file.size === 0) return `${file.name} is empty.`;
  if (file.size > LARGEST_UPLOAD) return `${file.name} is larger than 20 MB. Split it and import the parts.`;
  return null;
}

/** Uploads a file and answers the id to import it by. Rejects with `UploadFailed`. */
export function uploadFile(file: File, { onProgress, signal }: UploadOptions): Promise<string> {
  const form = new FormData();
  form.append("file", file);
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    // `fetch` cannot tell how much of a body has been sent.
    const request = new XMLHttpRequest();
    request.upload.addEventListener("progress", (event) => {
      if (event.lengthComputable) onProgress((100 * event.loaded) / event.total);
    });
    request.addEventListener("load", () => {
      const answer = request.response as UploadAnswer | null;
      if (answer?.success) resolve(answer.data.uploadId);
      else
        reject(new UploadFailed(answer?.error.message ?? `The server answered ${request.status}. Please try again.`));
    });
    request.addEventListener("error", () =>
      reject(new UploadFailed("The server cannot be reached. Please try again.")),
    );
    request.addEventListener("abort", () => reject(signal.reason));
    signal.addEventListener("abort", () => request.abort(), { once: true });
    request.responseType = "json";
    request.open("POST", "/uploads");
    request.send(form);
  });
}
