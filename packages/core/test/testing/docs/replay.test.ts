import { createTestForge, replay } from "@forge-jobs/core/testing";
import { expect, test, vi } from "vitest";
import { sendMail, verification } from "./verification.ts";

test("the run that I exported from production goes on with the code of today", async () => {
  const run = await exportedRun(); // JSON.parse(await readFile("run.json", "utf8"))

  expect(await replay(run, verification)).toEqual({
    end: { kind: "goes_on", at: ["clicked"] }, // or completed with an output, or failed with an error
    drift: [], // recorded steps that the code no longer asks for
    divergence: null, // for a run that has ended: why the code would not end so
  });
});

/** What `JSON.stringify(await forge.workflows.get(id))` wrote there. */
async function exportedRun() {
  await using forge = await createTestForge({ jobs: [sendMail], workflows: [verification] });
  vi.spyOn(globalThis, "fetch").mockResolvedValue(new Response());
  const id = await forge.startWorkflow(verification, { email: "ada@example.com" });
  await forge.advance("24.5h");
  return JSON.parse(JSON.stringify((await forge.workflows.get(id))!));
}
