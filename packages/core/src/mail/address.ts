/** One mailbox: where mail goes, and the name shown beside it. */
export interface MailAddress {
  readonly name: string;
  readonly address: string;
}

const LONGEST_LOCAL = 64;
const LONGEST = 254;

// Narrower than RFC 5322: no quoted local parts, no comments, no groups. What is not plain here is a mistake or an attack.
// A part that begins with a hyphen could be taken for an option by programs such as sendmail.
const PART = String.raw`[^\s\p{Cc}<>()[\]\\,;:@".-][^\s\p{Cc}<>()[\]\\,;:@".]*`;
const BARE = new RegExp(String.raw`^${PART}(?:\.${PART})*@${PART}(?:\.${PART})*$`, "u");
const NAMED = /^(?:"([^"\\<>\p{Cc}]*)"|([^"<>,;:@\p{Cc}]*?))\s*<([^<>]*)>$/u;

/** Reads `ada@example.com` or `Ada Lovelace <ada@example.com>`; null for anything else, such as a list or a line break. */
export function parseAddress(text: string): MailAddress | null {
  const [, quoted, plain, inner] = NAMED.exec(text) ?? [];
  const address = inner ?? text;
  const local = address.lastIndexOf("@");
  if (!BARE.test(address) || local > LONGEST_LOCAL || address.length > LONGEST) return null;
  return { name: (quoted ?? plain ?? "").trim(), address };
}
