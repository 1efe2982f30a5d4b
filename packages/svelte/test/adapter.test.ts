import { describe } from "vitest";
import { testAdapter } from "../../client/test/adapter-suite.ts";
import { configureForge, resetForge } from "../src/index.ts";
import { mounted } from "./mounted.ts";
import StartJob from "./start-job.svelte";
import StartRun from "./start-run.svelte";
import WatchJobRunes from "./watch-job-runes.svelte";
import WatchJob from "./watch-job.svelte";
import WatchRunRunes from "./watch-run-runes.svelte";
import WatchRun from "./watch-run.svelte";

const shared = {
  configure: (url: string) => configureForge({ url }),
  reset: resetForge,
  starter: (type: string, args: unknown) => mounted(StartJob, { type, args }),
  runStarter: (type: string, args: unknown) => mounted(StartRun, { type, args }),
};

describe("a store ($job)", () => {
  testAdapter({
    ...shared,
    watch: (id, initial) => mounted(WatchJob, { id, initial }),
    watchRun: (id, initial) => mounted(WatchRun, { id, initial }),
  });
});

describe("a store in runes (job.current)", () => {
  testAdapter({
    ...shared,
    watch: (id, initial) => mounted(WatchJobRunes, { id, initial }),
    watchRun: (id, initial) => mounted(WatchRunRunes, { id, initial }),
  });
});
