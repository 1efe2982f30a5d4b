import { join } from "node:path";

/**
 * Where reports, traces and built pages of this run go.
 *
 * `scripts/test.ts` names a folder of its own for every run, so that two runs at once do not mix their results.
 */
export const resultsDir: string =
  process.env["FORGE_TEST_RESULTS"] ?? join(import.meta.dirname, "../../.results/manual");
