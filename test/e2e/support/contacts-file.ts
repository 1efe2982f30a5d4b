import { sampleContacts } from "../../../apps/demo-server/src/data/sample-contacts.ts";

/** A CSV file as a browser's file input takes it. */
export interface TestFile {
  readonly name: string;
  readonly mimeType: string;
  readonly buffer: Buffer;
}

/** A file with contacts, about one row in a hundred wrong. */
export function contactsFile(rows: number): TestFile {
  const quoted = (cell: string): string => (/[",\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell);
  const lines = [...sampleContacts(rows)].map((row) => row.map(quoted).join(","));
  return { name: "contacts.csv", mimeType: "text/csv", buffer: Buffer.from(`${lines.join("\n")}\n`) };
}
