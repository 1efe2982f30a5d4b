import { defineJob, type JobDefinition } from "../define.ts";
import { Dead } from "../outcomes.ts";
import type { FullReceipt, Mailer, MailReceipt } from "./mailer.ts";
import { MESSAGE_SCHEMA, type MailMessage, recipientsOf } from "./message.ts";
import { parseAddress } from "./address.ts";

/** What a server says of a message or its addresses; refusals of this client (AUTH, EHLO) are an operator's to mend. */
const ABOUT_THE_MAIL = ["MAIL FROM", "RCPT TO", "DATA"];

/** The job that sends a mail over this mailer. */
export function sendMailJob(mailer: Mailer): JobDefinition<MailMessage, MailReceipt> {
  const sendMail = defineJob<MailMessage, MailMessage, MailReceipt>("send_mail", {
    input: MESSAGE_SCHEMA,
    timeout: "5m",
    // A server that defers mail of strangers does so for some minutes, one that is down may be for an hour.
    retry: { maxAttempts: 8, baseDelay: "30s", maxBackoff: "1h" },
    async run(ctx, message): Promise<MailReceipt> {
      let receipt: FullReceipt;
      try {
        // The same for all runs of a job, so that a mail which was sent twice can be recognised.
        const messageId = (domain: string): string => `<${ctx.jobId}@${domain}>`;
        receipt = await mailer.send(message, { signal: ctx.signal, messageId });
      } catch (error) {
        if (isFinal(error))
          throw new Dead(`The mail server refuses this mail for good: ${error.message}`, { cause: error });
        throw error;
      }
      const { deferred, ...rest } = receipt;
      if (deferred.length > 0) {
        // To send the whole mail again would reach those twice who have it.
        const to = recipientsOf(message).filter((one) => deferred.includes(parseAddress(one)?.address ?? ""));
        await ctx.dispatch(sendMail, { ...message, to }, { delay: "5m", idempotencyKey: `${ctx.jobId}:deferred` });
      }
      return rest;
    },
  });
  return sendMail;
}

function isFinal(error: unknown): error is Error {
  if (!(error instanceof Error) || !("responseCode" in error) || !("command" in error)) return false;
  return Number(error.responseCode) >= 500 && ABOUT_THE_MAIL.includes(String(error.command));
}
