import "./pages.css";

// Words and pictures
export { TEXTS } from "./texts.ts";
export { ICONS } from "./icons.ts";
export type { IconName } from "./icons.ts";
export type { Look, Tone } from "./job-words.ts";
export { formatBytes, formatCount } from "./format.ts";

// Jobs
export { followJob } from "./follow-job.ts";
export type { JobFace } from "./follow-job.ts";
export { fileNameOf } from "./results.ts";
export type { ExportResult, ImportResult } from "./results.ts";
export { SAMPLES } from "./samples.ts";
export type { Sample } from "./samples.ts";

// The page
export { jobInAddress, onAddressChange, putJobInAddress } from "./address.ts";
export type { JobParameter } from "./address.ts";
export { keepFocus } from "./keep-focus.ts";
export { uploadFile, UploadFailed, whyNotUpload } from "./upload.ts";
export type { UploadOptions } from "./upload.ts";
