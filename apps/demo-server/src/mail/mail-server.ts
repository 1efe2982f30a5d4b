import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { callbackify } from "node:util";
import { SMTPServer } from "smtp-server";
import type { Mailbox } from "./mailbox.ts";

/** A mail server that listens. */
export interface MailServer {
  readonly port: number;
  close(): Promise<void>;
}

/** A mail as it comes in. */
interface Incoming extends AsyncIterable<Buffer> {
  readonly sizeExceeded: boolean;
}

const HOST = "127.0.0.1";
const LARGEST_MAIL = 64 * 1024;
const CLOSE_WITHIN_MS = 1_000;

/**
 * Starts a small SMTP server on this machine's own address, which puts what it takes into the mailbox and passes nothing on.
 *
 * It acknowledges a mail once that is on disk. Mails that are too large, or belong to no run, are refused for good.
 */
export async function startMailServer(mailbox: Mailbox): Promise<MailServer> {
  const take = callbackify(async (stream: Incoming): Promise<void> => {
    const chunks: Buffer[] = [];
    for await (const chunk of stream) if (!stream.sizeExceeded) chunks.push(chunk);
    if (stream.sizeExceeded) return;
    if (!(await mailbox.take(Buffer.concat(chunks)))) throw refusal("Only mail of the demo's own runs is taken here");
  });
  const server = new SMTPServer({
    disabledCommands: ["AUTH", "STARTTLS"],
    closeTimeout: CLOSE_WITHIN_MS,
    size: LARGEST_MAIL,
    // By this, a mail that is too large is refused whatever is said of it below.
    rejectOversized: true,
    onData: (stream, _session, callback) => take(stream, callback),
  });
  // A sender that breaks off is its own affair.
  server.on("error", () => undefined);
  server.listen(0, HOST);
  await once(server.server, "listening");
  const { port } = server.server.address() as AddressInfo;
  return { port, close: () => new Promise((resolve) => server.close(() => resolve())) };
}

function refusal(message: string): Error {
  return Object.assign(new Error(message), { responseCode: 550 });
}
