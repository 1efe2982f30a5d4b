import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";

const root = join(import.meta.dirname, "..");
const read = (path: string): Promise<string> => readFile(join(root, path), "utf8");

test("the README's backend snippet is the program that a test of the demo runs", async () => {
  const [readme, program] = await Promise.all([read("README.md"), read("apps/demo-server/minimal.ts")]);
  const snippet = /<!-- apps\/demo-server\/minimal\.ts -->\n+```ts\n([\s\S]*?)\n```/.exec(readme)?.[1];
  expect(snippet).toBe(program.trimEnd());
  expect(program.trimEnd().split("\n").length).toBeLessThanOrEqual(33);
});

test("every relative link of the README and the docs leads to a file", async () => {
  for (const page of [
    "README.md",
    "ARCHITECTURE.md",
    "docs/jobs.md",
    "docs/gateway.md",
    "docs/client.md",
    "docs/errors.md",
  ]) {
    const text = await read(page);
    for (const [, target = ""] of text.matchAll(/\]\((?!https?:|#)([^)#]+)/g)) {
      const path = join(root, page, "..", target);
      await expect(
        import("node:fs/promises").then(({ stat }) => stat(path)),
        `${page}: ${target}`,
      ).resolves.toBeDefined();
    }
  }
});
