import { spawn } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

/** The demos, by the path under which the demo server serves them. */
export const demos = ["svelte", "react"] as const;
export type Demo = (typeof demos)[number];

/** The folder each demo's built page lies in. */
export type BuiltDemos = Readonly<Record<Demo, string>>;

const root = dirname(import.meta.dirname);

/** Builds both demos with Vite, by default into their own `dist`; `into` keeps builds of concurrent runs apart. */
export async function buildDemos({ into }: { readonly into?: string } = {}): Promise<BuiltDemos> {
  const folders = Object.fromEntries(
    demos.map((demo) => [demo, into === undefined ? join(root, "apps", `demo-${demo}`, "dist") : join(into, demo)]),
  ) as Record<Demo, string>;
  if (into !== undefined) await mkdir(into, { recursive: true });
  await Promise.all(demos.map((demo) => build(demo, folders[demo])));
  return folders;
}

/** How the demo server is told where the built pages are. */
export function builtDemosEnv(built: BuiltDemos): Record<string, string> {
  return { FORGE_DEMO_SVELTE_DIR: built.svelte, FORGE_DEMO_REACT_DIR: built.react };
}

function build(demo: Demo, outDir: string): Promise<void> {
  const app = join(root, "apps", `demo-${demo}`);
  const vite = join(dirname(createRequire(join(app, "package.json")).resolve("vite/package.json")), "bin", "vite.js");
  const flags = ["build", "--outDir", outDir, "--emptyOutDir", "--logLevel", "warn"];
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [vite, ...flags], { cwd: app, stdio: ["ignore", "inherit", "inherit"] });
    child.once("error", reject);
    child.once("exit", (code, signal) => {
      if (code === 0) resolve();
      else reject(new Error(`Vite could not build apps/demo-${demo} (${code ?? signal}); what it said stands above`));
    });
  });
}
