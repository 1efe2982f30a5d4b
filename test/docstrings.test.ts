import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { compile } from "../scripts/types.ts";
import { exportedNames } from "./support/exported-names.ts";
import { manifestsIn, root } from "./support/workspace.ts";

const packages = await manifestsIn("packages");
const entries = Object.entries(packages).flatMap(([name, { exports = {} }]) =>
  Object.values(exports).map(({ types = "" }) => join("packages", name, types)),
);

// What users read is what the compiler emits, so it has to be of today. Its errors are the compiler's to report.
beforeAll(async () => {
  await compile();
}, 300_000);

test.for(entries)("every name that %s exports has a docstring", (entry) => {
  const names = exportedNames(join(root, entry));
  expect(names).not.toEqual([]);
  // Overloads are one name: a docstring on any of them serves all.
  const documented = new Set(names.filter((name) => name.documented).map(({ name }) => name));
  const bare = names.filter(({ name }) => !documented.has(name)).map(({ name, file }) => `${name} (${file})`);
  expect(bare).toEqual([]);
});

test("a missing docstring is found behind re-exports, renames and imports", async () => {
  const folder = await mkdtemp(join(tmpdir(), "forge-docstrings-"));
  try {
    await writeFile(
      join(folder, "index.d.ts"),
      `import { C } from "./inner.js";
       export { A as One, B } from "./inner.js";
       export * from "./more.js";
       export { C, D };
       export type { Foreign } from "elsewhere";
       interface D {}`,
    );
    await writeFile(
      join(folder, "inner.d.ts"),
      `/** Says it. */ export declare function A(): void; export declare const B: 1; /* no */ export interface C {}`,
    );
    await writeFile(join(folder, "more.d.ts"), `/** Says it. */\nexport type E = 1;\nexport declare class F {}`);
    const found = exportedNames(join(folder, "index.d.ts")).map(({ name, documented }) => [name, documented]);
    expect(Object.fromEntries(found)).toEqual({ One: true, B: false, C: false, D: false, E: true, F: false });
  } finally {
    await rm(folder, { recursive: true });
  }
});
