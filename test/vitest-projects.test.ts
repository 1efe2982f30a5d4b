import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { join, relative } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { root } from "./support/workspace.ts";

async function run(command: string, ...args: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(command, args, { cwd: root, maxBuffer: 16 * 1024 * 1024 });
  return stdout;
}

test("every test file runs, in exactly one project", { timeout: 60_000 }, async () => {
  const vitest = join(root, "node_modules/vitest/vitest.mjs");
  const listed = JSON.parse(await run(process.execPath, vitest, "list", "--filesOnly", "--json")) as { file: string }[];
  const patterns = ["*.test.ts", "*.test.tsx"];
  const files = await run("git", "ls-files", "--cached", "--others", "--exclude-standard", "--", ...patterns);
  const written = files.split("\n").filter((file) => file !== "" && existsSync(join(root, file)));
  expect(listed.map(({ file }) => relative(root, file)).toSorted()).toEqual(written.toSorted());
});
