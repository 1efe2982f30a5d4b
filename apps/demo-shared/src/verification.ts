import type { WorkflowView } from "@forge-jobs/client";
import type { VerificationResult } from "./results.ts";

/** A mail that the demo's mail server has taken. */
interface Mail {
  readonly id: string;
  readonly from: string;
  readonly to: string;
  readonly subject: string;
  readonly text: string;
}

/** What the demo's server knows of a verification besides its run. */
export interface Verification {
  readonly mails: readonly Mail[];
  /** How far people have moved the demo's clock forward. */
  readonly clockAheadHours: number;
}

/** A piece of a mail's text; `href` is null where it is no link. */
interface MailPart {
  readonly text: string;
  readonly href: string | null;
}

type Answer =
  | { readonly success: true; readonly data: Verification }
  | { readonly success: false; readonly error: { readonly message: string } };

/** Whether a run's mail is in the mailbox. */
export function isMailSent({ steps }: WorkflowView): boolean {
  return steps.some(({ name, status }) => name === "send_email" && status === "completed");
}

/** Reads the mailbox of a run. Rejects with a sentence for the person. */
export function readVerification(runId: string): Promise<Verification> {
  return ask(`/verifications/${runId}`, "GET");
}

/** Moves the demo's clock forward by a day. Rejects with a sentence for the person. */
export function clockForward(runId: string): Promise<Verification> {
  return ask(`/verifications/${runId}/forward`, "POST");
}

/** What came of a verification, for people. */
export function verificationSentence({ email, verified }: VerificationResult): string {
  return verified
    ? `${email} is confirmed.`
    : `${email} was not confirmed within 24 hours, so the account was removed.`;
}

/** How far the demo's clock is ahead, for people; null where it is not. */
export function clockSentence({ clockAheadHours }: Verification): string | null {
  return clockAheadHours === 0 ? null : `The demo’s clock is ${clockAheadHours} hours ahead.`;
}

/** Cuts a mail's text into links and what is between them. */
export function mailParts(text: string): MailPart[] {
  return text
    .split(/(https?:\/\/\S+)/)
    .map((part) => ({ text: part, href: /^https?:/.test(part) ? part : null }))
    .filter((part) => part.text !== "");
}

async function ask(path: string, method: "GET" | "POST"): Promise<Verification> {
  const response = await fetch(path, { method }).catch(() => null);
  if (response === null) throw new Error("The server cannot be reached. Please try again.");
  const answer = (await response.json().catch(() => null)) as Answer | null;
  if (answer?.success) return answer.data;
  throw new Error(answer?.error.message ?? `The server answered ${response.status}. Please try again.`);
}
