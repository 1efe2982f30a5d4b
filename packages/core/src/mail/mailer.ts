import { ForgeError, shown } from "../errors.ts";
import { refuseUnknownOptions } from "../options.ts";
import { describeIssues, type SchemaIssue } from "../schema.ts";
import { type MailAddress, parseAddress } from "./address.ts";
import { type MailBody, type MailMessage, messageIssues, recipientsOf } from "./message.ts";
import { type Delivery, type LoadNodemailer, MailTransport } from "./transport.ts";

/** How this process sends mail, over the package nodemailer. */
export interface MailOptions {
  /**
   * Transport options of nodemailer, a URL such as `smtp://user:password@host:587`, or a transporter that was made already.
   * With a transporter nodemailer is not imported here, and `forge.stop()` does not close it.
   */
  transport: string | object;
  /** The address that mails are from which name none themselves. Default: each has to name one. */
  from?: string;
  /** Makes the body of a mail that names a template, when it is sent; one that throws is a failed run. Default: none. */
  render?: (template: string, data: unknown) => MailBody | Promise<MailBody>;
}

/** What became of a mail that was sent. */
export interface MailReceipt {
  messageId: string;
  /** The addresses that the server took it for. */
  accepted: string[];
  /** Those that it refused, while it took others. */
  rejected: string[];
}

/** A receipt, and which of the refused addresses may be taken later. */
export interface FullReceipt extends MailReceipt {
  readonly deferred: readonly string[];
}

/** `ctx.mail`. */
export interface JobMail {
  /**
   * Sends a mail now, and resolves once the server has taken it for one recipient at least; those it refused are in
   * `rejected`. It is aborted with `ctx.signal`, which does not prove that the server has not taken it.
   *
   * Rejects with `INVALID_ARGS` for a bad message, `BAD_REQUEST` without `createForge({ mail })`, with the reason of
   * `signal`, and else with nodemailer's error: `responseCode` is the server's, `permanent` says that trying again is no use.
   */
  send(message: MailMessage): Promise<MailReceipt>;
}

/** Sends mails for one engine. */
export class Mailer {
  readonly #options: MailOptions;
  readonly #transport: MailTransport;

  /** Throws `BAD_REQUEST`. */
  constructor(options: MailOptions, load: LoadNodemailer = () => import("nodemailer")) {
    refuseUnknownOptions("mail", options, ["transport", "from", "render"]);
    if (options.from !== undefined && (typeof options.from !== "string" || parseAddress(options.from) === null)) {
      throw new ForgeError(
        "BAD_REQUEST",
        `mail.from must be one address such as Shop <orders@example.com>; got ${shown(options.from)}.`,
      );
    }
    if (options.render !== undefined && typeof options.render !== "function") {
      throw new ForgeError(
        "BAD_REQUEST",
        "mail.render must be a function (template, data) that answers { body, html? }.",
      );
    }
    this.#options = options;
    this.#transport = new MailTransport(options.transport, load);
  }

  /** Throws `BAD_REQUEST` where nodemailer is not installed. */
  async open(): Promise<void> {
    await this.#transport.open();
  }

  close(): Promise<void> {
    return this.#transport.close();
  }

  /** Throws `INVALID_ARGS` for a message that cannot be sent as it is. */
  check(message: MailMessage): void {
    const issues = [...messageIssues(message), ...this.#wants(message)];
    if (issues.length === 0) return;
    throw new ForgeError("INVALID_ARGS", `The mail cannot be sent: ${describeIssues(issues)}.`, {
      details: { issues },
    });
  }

  /** Sends a message now. */
  async send(
    message: MailMessage,
    { signal, messageId }: { readonly signal: AbortSignal; readonly messageId?: (domain: string) => string },
  ): Promise<FullReceipt> {
    this.check(message);
    const from = addressOf(message.from ?? this.#options.from);
    const { body, html = false } = message.template === undefined ? message : await this.#render(message);
    const delivery = await this.#transport.send({
      from,
      to: recipientsOf(message).map(addressOf),
      subject: message.subject,
      ...(html ? { html: body } : { text: body }),
      ...(messageId !== undefined && { messageId: messageId(from.address.slice(from.address.lastIndexOf("@") + 1)) }),
      signal,
    });
    return receiptOf(delivery);
  }

  #wants(message: MailMessage): SchemaIssue[] {
    const { from, render } = this.#options;
    const wants: SchemaIssue[] = [];
    if (message?.from === undefined && from === undefined) {
      wants.push({ path: "from", message: "is missing, and createForge({ mail: { from } }) gives none" });
    }
    if (message?.template !== undefined && render === undefined) {
      wants.push({ path: "template", message: "needs createForge({ mail: { render } })" });
    }
    return wants;
  }

  async #render({ template, data }: { template: string; data?: unknown }): Promise<MailBody> {
    const made: unknown = await this.#options.render?.(template, data);
    const { body, html } = (made ?? {}) as Partial<MailBody>;
    if (typeof body !== "string" || (html !== undefined && typeof html !== "boolean")) {
      throw new ForgeError(
        "INTERNAL",
        `mail.render must answer { body, html? } for the template ${shown(template)}; got ${shown(made)}.`,
      );
    }
    return { body, ...(html !== undefined && { html }) };
  }
}

function addressOf(text: string | undefined): MailAddress {
  return parseAddress(text ?? "") as MailAddress;
}

function receiptOf({ messageId = "", accepted = [], rejectedErrors = [] }: Delivery): FullReceipt {
  const refused = rejectedErrors.filter(({ recipient }) => recipient !== undefined);
  return {
    messageId,
    accepted: accepted.map((one) => (typeof one === "string" ? one : one.address)),
    rejected: refused.map(({ recipient }) => recipient as string),
    deferred: refused
      .filter(({ responseCode }) => responseCode !== undefined && responseCode < 500)
      .map(({ recipient }) => recipient as string),
  };
}
