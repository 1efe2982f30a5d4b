import { join } from "node:path";
import { buildDemos, builtDemosEnv } from "../../scripts/build-demos.ts";
import { resultsDir } from "./results-dir.ts";

/** Builds the demos once for the run, beside its other results; the tests' servers find them through the environment. */
export default async function globalSetup(): Promise<void> {
  Object.assign(process.env, builtDemosEnv(await buildDemos({ into: join(resultsDir, "pages") })));
}
