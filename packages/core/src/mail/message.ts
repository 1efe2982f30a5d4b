import type { StandardSchemaV1 } from "@standard-schema/spec";
import { shown } from "../errors.ts";
import type { SchemaIssue } from "../schema.ts";
import { parseAddress } from "./address.ts";

/** What a mail says: plain text, or HTML where `html` is true. */
export interface MailBody {
  body: string;
  html?: boolean;
}

/** What every mail has. An address is `ada@example.com` or `Ada Lovelace <ada@example.com>`. */
export interface MailEnvelope {
  /** One address, or a list of up to 100, each of which sees the others. */
  to: string | readonly string[];
  /** Default: `from` of `createForge({ mail })`. */
  from?: string;
  /** One line of 1 to 998 characters. */
  subject: string;
}

/** A mail: with its body, or with the name of a template and the data for it, which `render` turns into a body. */
export type MailMessage = MailEnvelope &
  ((MailBody & { template?: never; data?: never }) | { template: string; data?: unknown; body?: never; html?: never });

const FIELDS = ["to", "from", "subject", "body", "html", "template", "data"];
const MOST_RECIPIENTS = 100;
const LONGEST_SUBJECT = 998;
const LONGEST_TEMPLATE = 200;
const CONTROL = /\p{Cc}/u;

/** What is wrong with a message's shape; empty if nothing is. A line break in a header's field is, since it would begin another header. */
export function messageIssues(message: unknown): SchemaIssue[] {
  if (typeof message !== "object" || message === null || Array.isArray(message)) {
    return [{ path: "", message: "a mail must be an object" }];
  }
  const mail = message as Readonly<Record<string, unknown>>;
  const unknown = Object.keys(mail).filter((name) => !FIELDS.includes(name));
  return [
    ...unknown.map((name) => issue(name, `a mail has no such field; it takes ${FIELDS.join(", ")}`)),
    ...recipientIssues(mail["to"]),
    ...(mail["from"] === undefined ? [] : addressIssues("from", mail["from"])),
    ...lineIssues("subject", mail["subject"], LONGEST_SUBJECT),
    ...contentIssues(mail),
  ];
}

/** The shape of a message as a schema, for the job that sends it. */
export const MESSAGE_SCHEMA: StandardSchemaV1<MailMessage> = {
  "~standard": {
    version: 1,
    vendor: "forge",
    validate: (value) => {
      const issues = messageIssues(value);
      return issues.length === 0
        ? { value: value as MailMessage }
        : { issues: issues.map(({ path, message }) => ({ message, path: path === "" ? [] : path.split(".") })) };
    },
  },
};

/** The recipients of a message that was checked. */
export function recipientsOf({ to }: MailMessage): readonly string[] {
  return typeof to === "string" ? [to] : to;
}

function recipientIssues(to: unknown): SchemaIssue[] {
  if (!Array.isArray(to)) return addressIssues("to", to);
  if (to.length === 0 || to.length > MOST_RECIPIENTS) {
    return [issue("to", `a list must hold 1 to ${MOST_RECIPIENTS} addresses; got ${to.length}`)];
  }
  return to.flatMap((one: unknown, n) => addressIssues(`to.${n}`, one));
}

function addressIssues(path: string, value: unknown): SchemaIssue[] {
  if (typeof value === "string" && parseAddress(value) !== null) return [];
  return [issue(path, `must be one address such as ada@example.com or Ada <ada@example.com>; got ${shown(value)}`)];
}

function lineIssues(path: string, value: unknown, longest: number): SchemaIssue[] {
  if (typeof value === "string" && value !== "" && value.length <= longest && !CONTROL.test(value)) return [];
  return [issue(path, `must be one line of 1 to ${longest} characters, without line breaks; got ${shown(value)}`)];
}

function contentIssues({ body, html, template, data }: Readonly<Record<string, unknown>>): SchemaIssue[] {
  if (body !== undefined && template !== undefined)
    return [issue("template", "pass either body or template, not both")];
  if (template !== undefined) {
    const stray = html === undefined ? [] : [issue("html", "render says whether a template makes HTML; leave it out")];
    return [...lineIssues("template", template, LONGEST_TEMPLATE), ...stray];
  }
  return [
    ...(typeof body === "string" ? [] : [issue("body", `must be text, or pass a template; got ${shown(body)}`)]),
    ...(html === undefined || typeof html === "boolean" ? [] : [issue("html", "must be true or false")]),
    ...(data === undefined ? [] : [issue("data", "belongs to a template; leave it out beside a body")]),
  ];
}

function issue(path: string, message: string): SchemaIssue {
  return { path, message };
}
