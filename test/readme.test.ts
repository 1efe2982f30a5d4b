import { readdir, readFile, stat } from "node:fs/promises";
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

test("the examples of docs/testing.md are files that are compiled and run", async () => {
  const examples = [...(await read("docs/testing.md")).matchAll(/<!-- (packages\/\S+) -->\n+```ts\n([\s\S]*?)\n```/g)];
  expect(examples).toHaveLength(3);
  for (const [, file = "", example] of examples) expect(example, file).toBe((await read(file)).trimEnd());
});

test("every relative link of the README and the docs leads to a file, and to a heading of it where it names one", async () => {
  const docs = (await readdir(join(root, "docs"), { recursive: true })).filter((name) => name.endsWith(".md"));
  const broken: string[] = [];
  for (const page of ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", ...docs.map((name) => `docs/${name}`)]) {
    for (const [, target = "", anchor] of prose(await read(page)).matchAll(
      /\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)/g,
    )) {
      const path = target === "" ? page : join(page, "..", target);
      const found = await stat(join(root, path)).catch(() => null);
      const isThere = found !== null && (anchor === undefined || anchors(await read(path)).has(anchor));
      if (!isThere) broken.push(`${page}: ${target}#${anchor ?? ""}`);
    }
  }
  expect(broken).toEqual([]);
});

function prose(text: string): string {
  return text.replaceAll(/^```[\s\S]*?^```/gm, "");
}

/** The headings of a page as links name them. */
function anchors(text: string): Set<string> {
  const headings = prose(text).matchAll(/^#+ (.+)$/gm);
  return new Set(
    [...headings].map(([, title = ""]) =>
      title
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
        .replaceAll(" ", "-"),
    ),
  );
}

test("every page of the docs is linked from the README", async () => {
  const readme = await read("README.md");
  const pages = (await readdir(join(root, "docs"))).filter((name) => name.endsWith(".md"));
  expect(pages.filter((name) => !readme.includes(`(docs/${name})`))).toEqual([]);
});
