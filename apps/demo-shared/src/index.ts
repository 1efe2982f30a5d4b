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
export type { ExportResult, ImportResult, TripResult, VerificationResult } from "./results.ts";
export { SAMPLES } from "./samples.ts";
export type { Sample } from "./samples.ts";

// Runs of workflows
export { runFace } from "./run-face.ts";
export type { RunFace } from "./run-face.ts";
export { TRIP_WORDS, VERIFICATION_WORDS } from "./run-words.ts";
export type { RunWords } from "./run-words.ts";
export { RUN_SAMPLES } from "./run-samples.ts";
export { clockForward, isMailSent, mailParts, readVerification } from "./verification.ts";
export { clockSentence, verificationSentence } from "./verification.ts";
export type { Verification } from "./verification.ts";

// The page
export { jobInAddress, onAddressChange, putJobInAddress } from "./address.ts";
export type { JobParameter } from "./address.ts";
export { keepFocus } from "./keep-focus.ts";
export { uploadFile, UploadFailed, whyNotUpload } from "./upload.ts";
export type { UploadOptions } from "./upload.ts";
