import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defaultClientConditions, defaultServerConditions } from "vite";
import { defineConfig, type TestProjectInlineConfiguration } from "vitest/config";

interface ProjectOptions {
  readonly include: readonly string[];
  readonly exclude?: readonly string[];
  /** Whether tests may ask for `inject("postgres")`. The servers start once for all projects that say so. */
  readonly postgres?: boolean;
}

// Packages name their sources first in `exports`, so tests run without a build.
function node(
  name: string,
  { include, exclude = [], postgres = false }: ProjectOptions,
): TestProjectInlineConfiguration {
  return {
    ssr: { resolve: { conditions: ["source", ...defaultServerConditions] } },
    test: {
      name,
      environment: "node",
      include: [...include],
      exclude: [...unseen, ...exclude],
      globalSetup: postgres ? ["test/support/global-postgres.ts"] : [],
      // For threads that a test starts, which resolve packages by themselves.
      execArgv: ["--conditions=source"],
    },
  };
}

function browser(name: string, include: readonly string[]): TestProjectInlineConfiguration {
  return {
    // happy-dom stands for the browser, so packages must resolve as they do there.
    resolve: { conditions: ["source", ...defaultClientConditions] },
    test: { name, environment: "happy-dom", include: [...include], exclude: [...unseen] },
  };
}

const unseen = ["**/node_modules/**", "**/dist/**", "**/.data/**", "**/.results/**"];

const tests = (folder: string): readonly string[] => [`${folder}/**/*.test.ts`, `${folder}/**/*.test.tsx`];

export default defineConfig({
  test: {
    // Tests wait more than they compute. By itself vitest leaves a core free, so two cores would run file by file.
    maxWorkers: 2,
    testTimeout: 20_000,
    hookTimeout: 60_000,
    // Its own default of 1 s is short for a machine that runs all projects at once.
    expect: { poll: { timeout: 10_000 } },
    projects: [
      node("protocol", { include: tests("packages/protocol/test") }),
      node("core", { include: tests("packages/core/test"), postgres: true }),
      node("conformance-sqlite", {
        include: tests("packages/core/conformance"),
        exclude: ["packages/core/conformance/postgres*.test.ts"],
      }),
      node("conformance-postgres", { include: ["packages/core/conformance/postgres*.test.ts"], postgres: true }),
      node("gateway", { include: tests("packages/gateway/test"), postgres: true }),
      node("client", { include: tests("packages/client/test") }),
      { ...browser("svelte", tests("packages/svelte/test")), plugins: [svelte({ configFile: false })] },
      browser("react", tests("packages/react/test")),
      node("demo-server", { include: tests("apps/demo-server/test"), postgres: true }),
      browser("demo-shared", tests("apps/demo-shared/test")),
      node("repo", { include: ["test/*.test.ts"] }),
    ],
  },
});
