import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { tempDir } from "../../../test/support/temp-dir.ts";
import { until } from "../../../test/support/until.ts";
import { startProgram } from "./support/demo-process.ts";

test("the smallest backend runs a job that a browser starts and watches", async () => {
  await using folder = await tempDir("forge-minimal-");
  await using program = await startProgram("minimal.ts", { DATABASE_FILE: join(folder.path, "forge.db") });
  const started = await fetch(`${program.url}/_api/rpc/greet_all`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ args: { names: ["Ada", "Zoë"] } }),
  });
  const { data } = (await started.json()) as { data: { jobId: string } };

  const job = await until(
    async () => {
      const answer = await fetch(`${program.url}/_api/jobs/${data.jobId}`);
      const { data: state } = (await answer.json()) as { data: { status: string } };
      return state.status === "completed" ? state : null;
    },
    { what: "the job to complete" },
  );
  expect(job).toMatchObject({
    progress: 100,
    message: "Greeted Zoë",
    output: { greetings: ["Hello, Ada!", "Hello, Zoë!"] },
  });
  expect(await program.end("SIGTERM")).toBe(0);
});

test("the smallest backend fits in 30 lines", async () => {
  const source = await readFile(join(import.meta.dirname, "../minimal.ts"), "utf8");
  expect(source.trimEnd().split("\n").length).toBeLessThanOrEqual(30);
});
