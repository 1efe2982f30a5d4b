import { createTestForge } from "@forge-jobs/core/testing";
import { expect, test, vi } from "vitest";
import { sendMail, verification } from "./verification.ts";

test("whoever does not click within an hour after a day is not verified", async () => {
  await using forge = await createTestForge({ jobs: [sendMail], workflows: [verification] });
  vi.spyOn(globalThis, "fetch").mockRejectedValueOnce(new Error("no network")).mockResolvedValue(new Response());
  forge.mockStep("generate_token", "t0k3n");
  forge.mockStep("store_result", () => {}, { workflow: verification });

  const id = await forge.startWorkflow(verification, { email: "ada@example.com" });
  await forge.drain(); // the mail's second attempt, 24 hours and the hour after them pass here

  expect(await forge.workflows.get(id)).toMatchObject({ status: "completed", output: { verified: false } });
  const [mail] = await forge.assertDispatched(sendMail, { token: "t0k3n" });
  expect(mail).toMatchObject({ status: "completed", attempts: 2 });
});

test("a click verifies", async () => {
  await using forge = await createTestForge({ jobs: [sendMail], workflows: [verification] });
  vi.spyOn(globalThis, "fetch").mockResolvedValue(new Response());
  const id = await forge.startWorkflow(verification, { email: "ada@example.com" });

  await forge.advance("24.1h");
  expect(await forge.workflows.get(id)).toMatchObject({ status: "waiting", waitingFor: "clicked" });
  await forge.signal(id, "clicked", { by: "link" });

  expect(await forge.workflows.get(id)).toMatchObject({ output: { verified: true } });
});
