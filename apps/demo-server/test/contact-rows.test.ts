import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { tempDir } from "../../../test/support/temp-dir.ts";
import { type CheckedRow, contactRows } from "../src/jobs/contact-rows.ts";

async function read(content: string | Uint8Array): Promise<CheckedRow[]> {
  await using folder = await tempDir("forge-rows-");
  const path = join(folder.path, "contacts.csv");
  await writeFile(path, content);
  const rows: CheckedRow[] = [];
  for await (const batch of contactRows(path)) {
    expect(batch.rows.length).toBeLessThanOrEqual(1_000);
    rows.push(...batch.rows);
  }
  return rows;
}

/** The line and the complaint of each row that was not accepted. */
async function complaints(content: string | Uint8Array): Promise<[number, string][]> {
  const rows = await read(content);
  return rows.flatMap(({ line, result }) => (typeof result === "string" ? [[line, result] as [number, string]] : []));
}

test("columns are found by name, in any order and case, and others are ignored", async () => {
  const rows = await read("\uFEFFE-Mail Id,City , EMAIL,Name\n7,Łódź,Zoe@Example.com, Zoë 𠮷 \n");
  expect(rows).toEqual([
    {
      line: 2,
      text: "7,Łódź,Zoe@Example.com, Zoë 𠮷",
      result: { line: 2, name: "Zoë 𠮷", email: "zoe@example.com", company: "", city: "Łódź" },
    },
  ]);
});

test.for([
  ["LF", "\n"],
  ["CRLF", "\r\n"],
  ["CR", "\r"],
] as const)("lines are counted as editors do with %s", async ([, end]) => {
  const lines = [
    "",
    "name,email",
    "A,a@example.com",
    "",
    '"two',
    'lines",b@example.com',
    "  ",
    "C,nope",
    "D,d@example.com",
  ];
  const rows = await read(lines.join(end));
  expect(rows.map(({ line }) => line)).toEqual([3, 5, 8, 9]);
});

test("each way of being wrong has its sentence", async () => {
  const wrong = [
    ",a@example.com,",
    "  ,a@example.com,",
    "A,,",
    "A,not an address,",
    "A,ä@example.com,",
    `${"x".repeat(201)},a@example.com,`,
    "A\u0000B,a@example.com,",
    '"A\nB",a@example.com,',
    "A,a@example.com",
    "A,a@example.com,,",
  ];
  expect(await complaints(`name,email,city\n${wrong.join("\n")}\n`)).toEqual([
    [2, "The name is missing"],
    [3, "The name is missing"],
    [4, "The e-mail address is missing"],
    [5, "The e-mail address is not valid"],
    [6, "The e-mail address is not valid"],
    [7, "The name is longer than 200 characters"],
    [8, "The name holds a line break or characters that cannot be read"],
    [9, "The name holds a line break or characters that cannot be read"],
    [11, "The row has 2 columns instead of 3"],
    [12, "The row has 4 columns instead of 3"],
  ]);
});

test("bytes that are no UTF-8 are noticed", async () => {
  const latin1 = Buffer.from("name,email\nJ\u00fcrgen,j@example.com\n", "latin1");
  expect(await complaints(latin1)).toEqual([[2, "The name holds a line break or characters that cannot be read"]]);
});

test("a row is shown in at most 120 characters, none of them cut in half", async () => {
  const [row] = await read(`name,email\n${"𠮷".repeat(300)},a@example.com\n`);
  expect(Array.from(row!.text)).toHaveLength(120);
  expect(row!.text.isWellFormed()).toBe(true);
});

test.for([
  ["nothing", "", "The file is empty; its first line must name the columns name and email."],
  ["blank lines", "\n \n\r\n", "The file is empty; its first line must name the columns name and email."],
  [
    "semicolons",
    "name;email\nA;a@example.com\n",
    "The first line must name the columns name and email, separated by commas; it lacks name and email. It reads: name;email",
  ],
  [
    "another header",
    "name,mail\nA,a@example.com\n",
    "The first line must name the columns name and email, separated by commas; it lacks email. It reads: name,mail",
  ],
] as const)("a file of %s is refused", async ([, content, sentence]) => {
  await expect(read(content)).rejects.toThrow(sentence);
});

test.for([
  ["at the end", 0],
  ["with 2 MB after it", 200_000],
] as const)("a quote that stays open is refused %s, naming the line of its row", async ([, after]) => {
  const content = `name,email\n${"A,a@example.com\n".repeat(3_000)}"B,b@example.com\n${"C,c@example.com\n".repeat(after)}`;
  await expect(read(content)).rejects.toThrow(
    "The row that begins in line 3002 cannot be read: a quote is opened and never closed. Nothing was imported.",
  );
});

test("quotes within a cell are taken as they stand", async () => {
  const [row] = await read('name,email\nAnn "the boss" Lee,ann@example.com\n');
  expect(row!.result).toMatchObject({ name: 'Ann "the boss" Lee' });
});
