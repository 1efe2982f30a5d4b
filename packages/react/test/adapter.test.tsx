import { describe } from "vitest";
import { testAdapter } from "../../client/test/adapter-suite.ts";
import { configureForge, resetForge } from "../src/index.ts";
import { mounted } from "./mounted.tsx";
import { StartJob, StartRun, WatchJob, WatchRun } from "./panels.tsx";

describe("hooks", () => {
  testAdapter({
    configure: (url) => configureForge({ url }),
    reset: resetForge,
    watch: (id, initial) => mounted(<WatchJob id={id} initial={initial ?? null} />),
    starter: (type, args) => mounted(<StartJob type={type} args={args} />),
    watchRun: (id, initial) => mounted(<WatchRun id={id} initial={initial ?? null} />),
    runStarter: (type, args) => mounted(<StartRun type={type} args={args} />),
  });
});
