import { createHash } from "node:crypto";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import PostalMime, { type Address } from "postal-mime";
import { FOLDERS } from "../files/demo-files.ts";
import { partialFile } from "../files/partial-file.ts";

/** A mail, as the page shows it. */
export interface ReceivedMail {
  readonly id: string;
  readonly from: string;
  readonly to: string;
  readonly subject: string;
  readonly text: string;
}

/** The mails that the demo's mail server has taken, by the run that they belong to. */
export interface Mailbox {
  /** Keeps a mail, once however often it is sent. False: it does not say what run it belongs to. */
  take(raw: Buffer): Promise<boolean>;
  /** The mails of a run, whose id was checked to be one. */
  mailsOf(runId: string): Promise<ReceivedMail[]>;
}

/** The header that names the run a mail belongs to. */
export const RUN_HEADER = "x-forge-run";

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const SUFFIX = ".eml";

/** Keeps mails below `dataDir`, each in a file as it came over the wire. */
export function mailbox(dataDir: string): Mailbox {
  const folderOf = (runId: string): string => join(dataDir, FOLDERS.mails, runId);
  return {
    async take(raw) {
      const mail = await PostalMime.parse(raw);
      const runId = mail.headers.find(({ key }) => key === RUN_HEADER)?.value.trim() ?? "";
      if (!UUID.test(runId)) return false;
      const name = createHash("sha256")
        .update(mail.messageId ?? raw)
        .digest("hex");
      const file = await partialFile(join(folderOf(runId), name + SUFFIX));
      try {
        await writeFile(file.path, raw, { flush: true });
        await file.publish();
      } finally {
        await file.discard();
      }
      return true;
    },
    async mailsOf(runId) {
      const folder = folderOf(runId);
      const names = (await readdir(folder).catch(() => [])).filter((name) => name.endsWith(SUFFIX));
      return Promise.all(names.map((name) => readMail(join(folder, name), name.slice(0, -SUFFIX.length))));
    },
  };
}

async function readMail(path: string, id: string): Promise<ReceivedMail> {
  const { from, to, subject = "", text = "" } = await PostalMime.parse(await readFile(path));
  return { id, from: written(from), to: (to ?? []).map(written).join(", "), subject, text: text.trim() };
}

function written(address: Address | undefined): string {
  if (address?.address === undefined) return address?.name ?? "";
  return address.name === "" ? address.address : `${address.name} <${address.address}>`;
}
