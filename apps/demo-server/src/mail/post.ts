import nodemailer from "nodemailer";
import { startMailServer } from "./mail-server.ts";
import { type Mailbox, mailbox, type ReceivedMail, RUN_HEADER } from "./mailbox.ts";

/** A mail to send. */
interface Letter {
  /** The run that sends it. */
  readonly runId: string;
  /** The same for the same mail, so that one which is sent twice can be recognised. */
  readonly messageId: string;
  readonly to: string;
  readonly subject: string;
  readonly text: string;
}

/** The demo's post: a sender, a mail server of its own, and the mailbox behind that. No mail leaves the machine. */
export interface Post {
  /** Resolves once the mail server has the mail. Rejects with nodemailer's error. */
  send(letter: Letter): Promise<void>;
  /** See `Mailbox.mailsOf`. */
  mailsOf(runId: string): Promise<ReceivedMail[]>;
  close(): Promise<void>;
}

const MAIL_DOMAIN = "forge.example";

/** Starts the mail server and makes a sender for it. */
export async function openPost(dataDir: string): Promise<Post> {
  const box: Mailbox = mailbox(dataDir);
  const server = await startMailServer(box);
  const transport = nodemailer.createTransport({
    host: "127.0.0.1",
    port: server.port,
    ignoreTLS: true,
  });
  return {
    async send({ runId, messageId, to, subject, text }) {
      await transport.sendMail({
        from: { name: "Forge demo", address: `demo@${MAIL_DOMAIN}` },
        // As an object: text would be parsed, and could then name several people.
        to: { name: "", address: to },
        subject,
        text,
        messageId: `<${messageId}@${MAIL_DOMAIN}>`,
        headers: { [RUN_HEADER]: runId },
      });
    },
    mailsOf: (runId) => box.mailsOf(runId),
    async close() {
      transport.close();
      await server.close();
    },
  };
}
