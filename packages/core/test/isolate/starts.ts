// A module that defines an isolated job beside an engine that it starts: in the job's thread that is refused.
import { createForge, defineJob } from "@forge-jobs/core";
import { sqliteStore } from "@forge-jobs/core/sqlite";
import { isMainThread } from "node:worker_threads";

export const beside = defineJob("beside", { isolate: import.meta.url, retry: false, run: () => "ran" });

if (!isMainThread) await createForge({ store: sqliteStore(":memory:"), jobs: [beside] }).start();
