import { stringify } from "csv-stringify";
import { createWriteStream } from "node:fs";
import { finished } from "node:stream/promises";
import type { PartialFile } from "../files/partial-file.ts";

/** A row that is not imported, and why. */
export interface RejectedRow {
  readonly line: number;
  readonly reason: string;
  /** The row as it stands in the file, cut after 120 characters. */
  readonly text: string;
}

/** Collects rejected rows: all of them in a CSV file, the first ones in memory. */
export interface RejectedRows {
  readonly count: number;
  readonly first: readonly RejectedRow[];
  /** Resolves when the file can take more. */
  add(rows: readonly RejectedRow[]): Promise<void>;
  /** Brings the file to disk under its final name. */
  publish(): Promise<void>;
  /** Ends writing and removes what `publish` has not published. */
  discard(): Promise<void>;
}

/** Begins with no row; `keep` is how many rows stay in memory. */
export function rejectedRows(file: PartialFile, keep: number): RejectedRows {
  const sheet = stringify({ header: true, columns: ["line", "reason", "text"], record_delimiter: "windows" });
  const disk = createWriteStream(file.path, { flush: true });
  sheet.pipe(disk);
  // A disk that is full is reported by `publish`; until then nobody listens.
  const written = finished(disk);
  written.catch(() => undefined);
  const first: RejectedRow[] = [];
  let count = 0;
  return {
    get count() {
      return count;
    },
    first,
    async add(rows) {
      count += rows.length;
      first.push(...rows.slice(0, keep - first.length));
      for (const row of rows) sheet.write(row);
      // One batch may lie in memory, never a second.
      if (sheet.writableNeedDrain)
        await Promise.race([new Promise((resolve) => sheet.once("drain", resolve)), written]);
    },
    async publish() {
      sheet.end();
      await written;
      await file.publish();
    },
    async discard() {
      disk.destroy();
      // Not before it is closed: a stream that is still opening its file would make it again.
      await written.catch(() => undefined);
      await file.discard();
    },
  };
}
