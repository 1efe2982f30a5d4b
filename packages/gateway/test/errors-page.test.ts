import { ERROR_CODES } from "@forge-jobs/protocol";
import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";

test("docs/errors.md lists every code with its status and meaning, and no other", async () => {
  const page = await readFile(new URL("../../../docs/errors.md", import.meta.url), "utf8");
  const rows = page.matchAll(/^\| `([A-Z_]+)` *\| *(\d+) *\| (.+?) *\|$/gm);
  const listed = Array.from(rows, ([, code, status, meaning]) => [code, { status: Number(status), meaning }]);
  expect(listed).toEqual(Object.entries(ERROR_CODES));
});
