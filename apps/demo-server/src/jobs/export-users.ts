import { defineJob, type JobContext, type JobDefinition, PublicError } from "@forge-jobs/core";
import { stringify } from "csv-stringify";
import { createWriteStream } from "node:fs";
import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { z } from "zod";
import type { DemoData } from "../data/demo-data.ts";
import type { User } from "../data/people.ts";
import { pacer } from "./pacer.ts";

const input = z.object({ format: z.enum(["csv", "json"]).default("csv"), flaky: z.boolean().default(false) });
const output = z.object({ count: z.number(), downloadUrl: z.string(), bytes: z.number() });

const COLUMNS: (keyof User)[] = ["id", "name", "email", "city", "country", "plan", "createdAt"];
const FLAKY_RUNS = 2;
// Writing ends here; the rest is for bringing the file to disk.
const WRITTEN_PERCENT = 97;
const number = new Intl.NumberFormat("en");

/**
 * Writes all users to a file that its owner downloads.
 *
 * `flaky: true` breaks its first two runs half way, so that a retry can be watched. While it is unfinished, another
 * dispatch of the same input by the same person answers the same job: nobody wants the same file twice.
 */
export const exportUsers: JobDefinition<z.input<typeof input>, z.output<typeof output>> = defineJob("export_users", {
  input,
  output,
  idempotent: true,
  public: true,
  timeout: "2m",
  retry: { maxAttempts: 3, baseDelay: "2s" },
  async run(ctx, { format, flaky }) {
    const data = await ctx.demo.data;
    ctx.progress(0, "Counting users");
    const total = await data.countUsers();
    const breaksAt = flaky && ctx.attempt <= FLAKY_RUNS ? (total / 3) * ctx.attempt : Infinity;

    const name = `users.${format}`;
    const file = await ctx.demo.files.newDownload(ctx.jobId, name);
    let count = 0;
    try {
      await pipeline(
        Readable.from(
          users(ctx, data, total, (written) => {
            count = written;
            if (written > breaksAt)
              throw new PublicError(`The connection to the file store broke after ${number.format(written)} users.`);
          }),
        ),
        format === "csv" ? stringify({ header: true, columns: COLUMNS, record_delimiter: "windows" }) : jsonArray(),
        createWriteStream(file.path, { flush: true }),
        { signal: ctx.signal },
      );
      const bytes = await file.publish();
      return { count, downloadUrl: `/downloads/${ctx.jobId}/${name}`, bytes };
    } finally {
      await file.discard();
    }
  },
});

async function* users(
  ctx: JobContext,
  data: DemoData,
  total: number,
  onPage: (written: number) => void,
): AsyncGenerator<User> {
  const wait = pacer(ctx);
  let written = 0;
  for await (const page of data.userPages()) {
    yield* page;
    await wait(page.length);
    written += page.length;
    onPage(written);
    const percent = Math.min(1, written / total) * WRITTEN_PERCENT;
    ctx.progress(percent, `Wrote ${number.format(written)} of ${number.format(total)} users`);
  }
  ctx.progress(WRITTEN_PERCENT, "Saving the file");
}

/** Turns rows into the text of a JSON array, one row a line. */
function jsonArray(): Transform {
  let separator = "[\n";
  return new Transform({
    writableObjectMode: true,
    transform(row, _encoding, done) {
      done(null, separator + JSON.stringify(row));
      separator = ",\n";
    },
    flush(done) {
      done(null, separator === ",\n" ? "\n]\n" : "[]\n");
    },
  });
}
