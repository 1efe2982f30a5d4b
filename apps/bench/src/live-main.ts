// The program of a client that watches one job; see scenarios/live.ts.
import { createForgeClient } from "@forge-jobs/client";

// As much of a page as makes the client connect: on a server it does not by itself.
const document = { hidden: false };
Object.assign(globalThis, { document, window: Object.assign(new EventTarget(), { document }) });

const [port, path] = process.argv.slice(2) as [string, string];
const client = createForgeClient({ url: `http://127.0.0.1:${port}/_api` });
const jobId = new URL(path, "http://127.0.0.1").searchParams.get("job") ?? "";

client.jobStore(jobId).subscribe(({ status, message }) => {
  if (status !== "running") return;
  // A message says when it was said; the first state, without one, says that the store is live.
  const said = message === null ? 0 : Number(message);
  process.send?.(performance.timeOrigin + performance.now() - said);
});
process.on("disconnect", () => process.exit(0));
