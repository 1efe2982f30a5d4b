import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { manifestsIn, root, type Manifest } from "./support/workspace.ts";

// Who may know whom. Only what a user of the package needs counts, not what its tests need.
const mayDependOn: Record<string, readonly string[]> = {
  protocol: [],
  core: ["protocol"],
  gateway: ["core", "protocol"],
  client: ["protocol"],
  svelte: ["client"],
  react: ["client"],
};

// Frameworks and drivers are the user's own copy, and each stays out of all other packages.
const peers: Record<string, readonly string[]> = {
  protocol: [],
  core: ["nodemailer", "pg"],
  gateway: ["fastify"],
  client: [],
  svelte: ["svelte"],
  react: ["react"],
};

const packages = await manifestsIn("packages");
const apps = await manifestsIn("apps");

function internal(dependencies: Readonly<Record<string, string>> = {}): string[] {
  const names = Object.keys(dependencies).filter((name) => name.startsWith("@forge-jobs/"));
  return names.map((name) => name.slice("@forge-jobs/".length)).toSorted();
}

function everythingOf({ dependencies, devDependencies, peerDependencies }: Manifest): string[] {
  return Object.keys({ ...dependencies, ...devDependencies, ...peerDependencies });
}

test("the table of this test names every package", () => {
  expect(Object.keys(packages).toSorted()).toEqual(Object.keys(mayDependOn).toSorted());
});

test.for(Object.entries(packages))("%s depends on the packages of the table and on no other", ([name, manifest]) => {
  expect(internal(manifest.dependencies)).toEqual(mayDependOn[name]);
  expect(internal(manifest.peerDependencies)).toEqual([]);
});

test.for(Object.entries(packages))("%s takes frameworks and drivers from its user only", ([name, manifest]) => {
  expect(Object.keys(manifest.peerDependencies ?? {})).toEqual(peers[name]);
  expect(Object.keys(manifest.dependencies ?? {})).not.toEqual(
    expect.arrayContaining([expect.stringMatching(/^(pg|nodemailer|fastify|svelte|react|react-dom)$/)]),
  );
});

test("the client never sees the core, and the gateway never sees a driver", () => {
  expect(everythingOf(packages["client"]!)).not.toContain("@forge-jobs/core");
  expect(everythingOf(packages["gateway"]!)).not.toContain("pg");
});

test.for(Object.entries(packages))("%s says what a registry needs to know", ([name, manifest]) => {
  expect(manifest).toMatchObject({
    name: `@forge-jobs/${name}`,
    license: "MIT",
    type: "module",
    engines: { node: ">=22.18" },
    publishConfig: { access: "public" },
  });
  expect(manifest.version).toMatch(/^\d+\.\d+\.\d+$/);
  expect(manifest.description).toBeTruthy();
  expect(manifest.private).toBeUndefined();
});

test("all packages carry the same version", () => {
  expect(new Set(Object.values(packages).map(({ version }) => version)).size).toBe(1);
});

test.for(Object.entries(packages))("%s offers sources here and only built files to users", ([name, manifest]) => {
  const published = manifest.publishConfig?.exports ?? {};
  expect(Object.keys(published)).toEqual(Object.keys(manifest.exports ?? {}));
  for (const [entry, conditions] of Object.entries(manifest.exports ?? {})) {
    // The first condition that holds wins, so the order counts.
    expect(Object.keys(conditions), entry).toEqual(["source", "types", "default"]);
    expect(published[entry], entry).toEqual({ types: conditions["types"], default: conditions["default"] });
    const source = conditions["source"]!;
    expect(existsSync(join(root, "packages", name, source)), source).toBe(true);
    const built = source.replace(/^\.\/(?:src\/)?/, "./dist/").replace(/\.tsx?$/, "");
    expect(conditions, entry).toMatchObject({ types: `${built}.d.ts`, default: `${built}.js` });
  }
});

test.for(Object.entries(packages))("%s publishes what it built and nothing else", ([name, manifest]) => {
  const migrations = existsSync(join(root, "packages", name, "migrations"));
  expect(manifest.files).toEqual(migrations ? ["dist", "migrations"] : ["dist"]);
});

test.for(Object.entries({ ...packages, ...apps }))("%s takes its neighbours from the workspace", ([, manifest]) => {
  const all = Object.entries({ ...manifest.dependencies, ...manifest.devDependencies });
  const neighbours = all.filter(([name]) => name.startsWith("@forge-jobs/"));
  expect(neighbours.filter(([, range]) => range !== "workspace:*")).toEqual([]);
});

test.for(Object.entries(apps))("the app %s can never be published", ([, manifest]) => {
  expect(manifest.private).toBe(true);
});
