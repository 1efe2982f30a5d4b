// An engine in a process of its own: runs isolated jobs and prints what became of them.
import { createForge } from "@forge-jobs/core";
import { sqliteStore } from "@forge-jobs/core/sqlite";
import { heavy } from "./heavy.ts";

const forge = createForge({ store: sqliteStore(":memory:"), jobs: [heavy] });
await forge.start();
const statuses: string[] = [];
for (const what of ["where", "dead", "snooze"]) {
  const { status } = await forge.jobs.wait(await forge.dispatch(heavy, { what }));
  statuses.push(status);
}
await forge.stop();
process.stdout.write(statuses.join());
