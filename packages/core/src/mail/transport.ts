import { ForgeError, shown } from "../errors.ts";
import type { MailAddress } from "./address.ts";

/** A mail as the transport takes it. */
export interface OutgoingMail {
  readonly from: MailAddress;
  readonly to: readonly MailAddress[];
  readonly subject: string;
  readonly text?: string;
  readonly html?: string;
  readonly messageId?: string;
  readonly signal: AbortSignal;
}

/** What the transport says of a mail that it passed on to some recipients at least. */
export interface Delivery {
  readonly messageId?: string;
  readonly accepted?: readonly (string | { readonly address: string })[];
  readonly rejectedErrors?: readonly { readonly recipient?: string; readonly responseCode?: number }[];
}

/** As much of a transporter of nodemailer as is used. */
interface Transporter {
  sendMail(mail: OutgoingMail): Promise<Delivery>;
  close?(): void;
}

/** Imports nodemailer. */
export type LoadNodemailer = () => Promise<{ createTransport(options: object | string): unknown }>;

/** The way out for mails. It is made at the first use, from then on the same one; only one that was made here is closed. */
export class MailTransport {
  readonly #given: string | object;
  readonly #load: LoadNodemailer;
  #made: Promise<Transporter> | null = null;

  /** Throws `BAD_REQUEST` for what cannot be a transport. */
  constructor(given: string | object, load: LoadNodemailer) {
    if (typeof given === "string" ? !/^smtps?:\/\//i.test(given) : typeof given !== "object" || given === null) {
      // A URL may hold a password, so it is not shown.
      const got = typeof given === "string" ? "another text" : shown(given);
      throw new ForgeError(
        "BAD_REQUEST",
        `mail.transport takes transport options or a transporter of nodemailer, or a URL that begins with smtp:// or smtps://; got ${got}.`,
      );
    }
    this.#given = given;
    this.#load = load;
  }

  /** Throws `BAD_REQUEST` where nodemailer is needed and not installed. */
  open(): Promise<Transporter> {
    if (isTransporter(this.#given)) return Promise.resolve(this.#given);
    return (this.#made ??= this.#make());
  }

  async send(mail: OutgoingMail): Promise<Delivery> {
    const { signal } = mail;
    const transporter = await this.open();
    signal.throwIfAborted();
    const aborted = Promise.withResolvers<never>();
    // A transporter of the application's may know nothing of signals.
    const onAbort = (): void => aborted.reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      return await Promise.race([transporter.sendMail(mail), aborted.promise]);
    } catch (error) {
      throw signal.aborted ? signal.reason : error;
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  async close(): Promise<void> {
    const made = await this.#made?.catch(() => null);
    made?.close?.();
  }

  async #make(): Promise<Transporter> {
    let nodemailer: Awaited<ReturnType<LoadNodemailer>>;
    try {
      nodemailer = await this.#load();
    } catch (cause) {
      this.#made = null;
      throw new ForgeError(
        "BAD_REQUEST",
        "createForge({ mail }) needs the package nodemailer (10.5 or newer); install it beside @forge-jobs/core.",
        { cause },
      );
    }
    return nodemailer.createTransport(this.#given) as Transporter;
  }
}

function isTransporter(given: string | object): given is Transporter {
  return typeof given === "object" && "sendMail" in given && typeof given.sendMail === "function";
}
