import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { SMTPServer } from "smtp-server";

/** A mail as the server got it. */
interface ReceivedMail {
  readonly from: string;
  readonly to: readonly string[];
  /** Header lines by name in lower case, unfolded. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

export interface MailServer extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  readonly mails: ReceivedMail[];
}

export interface MailServerOptions {
  /** The reply code to a recipient, or nothing for one that is taken. */
  readonly refuse?: (address: string) => number | undefined;
  /** Resolves when a mail that has arrived may be acknowledged. */
  readonly hold?: (mail: ReceivedMail) => Promise<void>;
  /** Refuses every login. */
  readonly closed?: boolean;
}

/** A real SMTP server on a loopback port. */
export async function startMailServer({ refuse, hold, closed }: MailServerOptions = {}): Promise<MailServer> {
  const mails: ReceivedMail[] = [];
  const server = new SMTPServer({
    authOptional: closed !== true,
    disabledCommands: ["STARTTLS"],
    allowInsecureAuth: true,
    onAuth: (_auth, _session, callback) => callback(replied(535, "Wrong password")),
    onRcptTo: ({ address }, _session, callback) => {
      const code = refuse?.(address);
      callback(code === undefined ? null : replied(code, `Not for ${address}`));
    },
    onData: (stream, { envelope }, callback) => {
      const receive = async (): Promise<void> => {
        const mail = received(
          envelope.mailFrom === false ? "" : envelope.mailFrom.address,
          envelope.rcptTo,
          await text(stream),
        );
        mails.push(mail);
        await hold?.(mail);
      };
      void receive().finally(callback);
    },
  });
  // A client that gives up in the middle is what some tests are about.
  server.on("error", () => {});
  server.listen(0, "127.0.0.1");
  await once(server.server, "listening");
  const { port } = server.server.address() as AddressInfo;
  return {
    url: `smtp://127.0.0.1:${port}`,
    port,
    mails,
    [Symbol.asyncDispose]: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

function replied(responseCode: number, message: string): Error {
  return Object.assign(new Error(message), { responseCode });
}

function received(from: string, to: readonly { address: string }[], raw: string): ReceivedMail {
  const end = raw.indexOf("\r\n\r\n");
  const lines = raw
    .slice(0, end)
    .replaceAll(/\r\n[ \t]+/g, " ")
    .split("\r\n");
  const headers = new Map(
    lines.map((line) => [line.slice(0, line.indexOf(":")).toLowerCase(), line.slice(line.indexOf(":") + 2)]),
  );
  return { from, to: to.map(({ address }) => address), headers, body: raw.slice(end + 4) };
}
