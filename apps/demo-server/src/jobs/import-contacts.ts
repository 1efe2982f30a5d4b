import { Dead, defineJob, type JobContext, type JobDefinition, PublicError } from "@forge-jobs/core";
import { randomUUID } from "node:crypto";
import { z } from "zod";
import type { Contact, DemoData, ImportRun } from "../data/demo-data.ts";
import { contactRows } from "./contact-rows.ts";
import { pacer } from "./pacer.ts";
import { type RejectedRow, rejectedRows, type RejectedRows } from "./rejected-rows.ts";

const input = z.object({ uploadId: z.uuid() });
const output = z.object({
  imported: z.number(),
  rejected: z.number(),
  /** The first 1,000. */
  rejectedRows: z.array(z.object({ line: z.number(), reason: z.string(), text: z.string() })),
  /** Where all of them can be downloaded; null if there are none. */
  rejectedUrl: z.string().nullable(),
});
type ImportResult = z.output<typeof output>;

const SHOWN_ROWS = 1_000;
const REJECTED_FILE = "rejected.csv";
// Reading ends here; the rest is the transaction that makes all rows visible at once.
const READ_PERCENT = 95;
const number = new Intl.NumberFormat("en");

/**
 * Imports the contacts of an uploaded CSV file: all valid rows, or none if the job does not complete.
 *
 * Rows go to a stage in batches and are moved from there in one short transaction, together with the result. A run that is
 * repeated after that transaction finds the result and imports nothing twice.
 */
export const importContacts: JobDefinition<z.input<typeof input>, ImportResult> = defineJob("import_contacts", {
  input,
  output,
  idempotent: true,
  public: true,
  // Restarted by each batch, so it bounds silence and not the size of the file.
  timeout: "30s",
  async run(ctx, { uploadId }) {
    const data = await ctx.demo.data;
    const earlier = await data.importResult(ctx.jobId);
    if (earlier !== null) return JSON.parse(earlier) as ImportResult;

    const owner = await ctx.demo.ownerOf(ctx.jobId);
    const path = await ctx.demo.files.findUpload(owner, uploadId);
    if (path === null) throw hopeless("The uploaded file is not there any more. Please upload it again.");

    // Whatever a run left that was killed.
    await data.clearStage(ctx.jobId);
    const run = { jobId: ctx.jobId, runId: randomUUID() };
    const rejected = rejectedRows(await ctx.demo.files.newDownload(ctx.jobId, REJECTED_FILE), SHOWN_ROWS);
    try {
      const imported = await stageFile(ctx, data, run, path, rejected);
      const result = {
        imported,
        rejected: rejected.count,
        rejectedRows: [...rejected.first],
        rejectedUrl: null as string | null,
      };
      if (rejected.count > 0) {
        await rejected.publish();
        result.rejectedUrl = `/downloads/${ctx.jobId}/${REJECTED_FILE}`;
      }
      ctx.progress(READ_PERCENT, `Saving ${number.format(imported)} contacts`);
      await ctx.heartbeat();
      await data.finishImport(run, owner, imported, JSON.stringify(result));
      await ctx.demo.files.removeUpload(owner, uploadId);
      return result;
    } catch (error) {
      await data.clearStage(run.jobId, run.runId);
      // No further run can make a broken file whole.
      throw error instanceof PublicError ? hopeless(error.message) : error;
    } finally {
      await rejected.discard();
    }
  },
});

/** Answers how many rows it staged. Rejects once the job's signal has aborted. */
async function stageFile(
  ctx: JobContext,
  data: DemoData,
  run: ImportRun,
  path: string,
  rejected: RejectedRows,
): Promise<number> {
  // At most as much text as an upload may hold.
  const addresses = new Set<string>();
  const wait = pacer(ctx);
  let checked = 0;
  for await (const { rows, share } of contactRows(path)) {
    const contacts: Contact[] = [];
    const refused: RejectedRow[] = [];
    for (const { line, text, result } of rows) {
      const reason =
        typeof result !== "string" && addresses.has(result.email)
          ? "An earlier row has the same e-mail address"
          : result;
      if (typeof reason === "string") {
        refused.push({ line, reason, text });
        continue;
      }
      addresses.add(reason.email);
      contacts.push(reason);
    }
    await data.stageContacts(run, contacts);
    await rejected.add(refused);
    await wait(rows.length);
    checked += rows.length;
    ctx.progress(share * READ_PERCENT, `Checked ${number.format(checked)} rows`);
  }
  return addresses.size;
}

function hopeless(sentence: string): Dead {
  return new Dead("The import cannot succeed", { cause: new PublicError(sentence) });
}
