import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readmeCommands, root } from "./support/workspace.ts";

async function ciCommands(): Promise<string[]> {
  const lines = (await readFile(join(root, ".ci/run"), "utf8")).split("\n").map((line) => line.trim());
  return lines.filter((line) => line !== "" && !line.startsWith("#"));
}

test("the README names the two commands of a fresh machine", async () => {
  expect(await readmeCommands()).toMatchObject({ demo: "npx -y pnpm@12 demo", test: "npx -y pnpm@12 test" });
});

test(".ci/run ends with exactly the README's test command", async () => {
  const { test: command } = await readmeCommands();
  expect((await ciCommands()).at(-1)).toBe(command);
});

test(".ci/run installs what the lockfile says and checks before it tests", async () => {
  const commands = (await ciCommands()).filter((line) => line.startsWith("npx "));
  expect(commands.map((line) => line.replace(" </dev/null", ""))).toEqual([
    "npx -y pnpm@12 install --frozen-lockfile",
    "npx -y pnpm@12 check",
    "npx -y pnpm@12 test",
  ]);
});
