import { PublicError } from "@forge-jobs/core";
import { CsvError, type Options, parse } from "csv-parse";
import { createReadStream, type ReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import type { Contact } from "../data/demo-data.ts";
import { checkContact, CONTACT_COLUMNS, type ContactColumn, REQUIRED_COLUMNS } from "./contact-row.ts";

/** One row of a file, checked. */
export interface CheckedRow {
  /** Where the row begins in the file, counted from 1 as editors do. */
  readonly line: number;
  /** The row as it stands in the file, cut after 120 characters. */
  readonly text: string;
  /** The contact, or the sentence that says what is wrong with the row. */
  readonly result: Contact | string;
}

/** Up to 1,000 rows, and how much of the file is read by now, from 0 to 1. */
export interface RowBatch {
  readonly rows: readonly CheckedRow[];
  readonly share: number;
}

interface RawRow {
  readonly cells: readonly string[];
  readonly line: number;
  readonly text: string;
}

const BATCH_ROWS = 1_000;
// A row this long means that a quote was left open, and would else swallow the rest of the file.
const LONGEST_ROW = 64 * 1024;
const SHOWN_CHARACTERS = 120;

/**
 * Reads a CSV file as a stream, checks each row, and yields batches; the last one may be empty.
 *
 * The first line names the columns; `name` and `email` must be among them, `company` and `city` may be, others are ignored.
 * Empty lines are skipped. Throws a `PublicError` that names the line for a file that is no CSV of that kind.
 */
export async function* contactRows(path: string): AsyncGenerator<RowBatch> {
  const { size } = await stat(path);
  let header: readonly string[] | null = null;
  let rows: CheckedRow[] = [];
  const file = createReadStream(path);
  for await (const { cells, line, text } of rawRows(file)) {
    if (cells.length === 1 && cells[0]!.trim() === "") continue;
    if (header === null) {
      header = headerOf(cells);
      continue;
    }
    rows.push({ line, text, result: checkRow(header, cells, line) });
    if (rows.length < BATCH_ROWS) continue;
    yield { rows, share: file.bytesRead / size };
    rows = [];
  }
  if (header === null) throw new PublicError("The file is empty; its first line must name the columns name and email.");
  yield { rows, share: 1 };
}

async function* rawRows(file: ReadStream): AsyncGenerator<RawRow> {
  let line = 1;
  // Called as the parser goes, ahead of the loop below, so that `line` is right when the parser throws. Its own count of
  // lines is not used, since it takes a CRLF inside quotes for two.
  const toRow = ({ record, raw }: { record: readonly string[]; raw: string }): RawRow => {
    const row = { cells: record, line, text: shown(raw) };
    line += raw.match(/\r\n?|\n/g)?.length ?? 0;
    return row;
  };
  const parser = parse({
    bom: true,
    raw: true,
    relax_column_count: true,
    relax_quotes: true,
    max_record_size: LONGEST_ROW,
    // Its types leave out what `raw: true` does to the argument.
    on_record: toRow as unknown as NonNullable<Options["on_record"]>,
  });
  // `pipe` does not pass errors on, and the loop would wait for ever.
  file.on("error", (error) => parser.destroy(error));
  try {
    yield* file.pipe(parser) as AsyncIterable<RawRow>;
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    throw new PublicError(
      `The row that begins in line ${line} cannot be read: ${complaint(error)}. Nothing was imported.`,
      { cause: error },
    );
  } finally {
    file.destroy();
  }
}

function headerOf(cells: readonly string[]): readonly string[] {
  const names = cells.map((name) => name.trim().toLowerCase());
  const missing = REQUIRED_COLUMNS.filter((column) => !names.includes(column));
  if (missing.length === 0) return names;
  throw new PublicError(
    `The first line must name the columns name and email, separated by commas; it lacks ${missing.join(" and ")}. It reads: ${shown(cells.join(","))}`,
  );
}

function checkRow(header: readonly string[], cells: readonly string[], line: number): Contact | string {
  if (cells.length !== header.length) return `The row has ${cells.length} columns instead of ${header.length}`;
  const named = CONTACT_COLUMNS.map((column) => [column, cells[header.indexOf(column)] ?? ""]);
  return checkContact(line, Object.fromEntries(named) as Record<ContactColumn, string>);
}

function complaint(error: CsvError): string {
  const leftOpen = error.code === "CSV_QUOTE_NOT_CLOSED" || error.code === "CSV_MAX_RECORD_SIZE";
  return leftOpen ? "a quote is opened and never closed" : error.message;
}

function shown(row: string): string {
  // By code points, so that no character is cut in half.
  const characters = Array.from(row.trimEnd().slice(0, 2 * SHOWN_CHARACTERS));
  return characters.length <= SHOWN_CHARACTERS
    ? characters.join("")
    : `${characters.slice(0, SHOWN_CHARACTERS - 1).join("")}…`;
}
