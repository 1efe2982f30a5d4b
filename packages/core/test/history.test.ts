import { defineJob } from "@forge-jobs/core";
import { expect, test } from "vitest";
import { openWorld } from "./support/world.ts";

const soon = { baseDelay: "1ms", maxBackoff: "2ms" } as const;

class NetworkError extends Error {}

class NamedError extends Error {
  override readonly name = "QuotaError";
}

test("the history of a job tells each failed run's error by its class, and who brought it back", async () => {
  const faults: unknown[] = [new NetworkError("no route"), new NamedError("too much"), new TypeError("no"), "text"];
  const flaky = defineJob("flaky", {
    retry: { maxAttempts: 2, ...soon },
    run: ({ attempt }) => {
      const fault = faults[attempt - 1];
      if (fault !== undefined) throw fault;
    },
  });
  await using world = await openWorld({ jobs: [flaky] });
  const { jobs } = world.forge;
  const id = await world.forge.dispatch(flaky, {});
  expect(await jobs.wait(id)).toMatchObject({ status: "failed", attempts: 2 });
  await jobs.retry(id, { maxAttempts: 3, by: "ada" });
  expect(await jobs.wait(id)).toMatchObject({ status: "completed", attempts: 5, maxAttempts: 5 });

  const job = await jobs.get(id, { history: true });
  expect(job!.history!.map(({ event, attempt, errorName, by }) => [event, attempt, errorName, by])).toEqual([
    ["error", 1, "NetworkError", null],
    ["error", 2, "QuotaError", null],
    ["retry", 2, null, "ada"],
    ["error", 3, "TypeError", null],
    ["error", 4, "string", null],
  ]);
  expect(job!.history![0]!.error).toContain("no route");
  expect(job!.history![0]!.worker).toEqual(expect.any(String));
  expect(job!.history![0]!.at).toBeInstanceOf(Date);
  expect(await jobs.get(id)).not.toHaveProperty("history");
});

test("what Forge itself says of a run is named by its code", async () => {
  const late = defineJob("late", {
    timeout: "5ms",
    retry: { maxAttempts: 1 },
    run: ({ signal }) => new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
  });
  const circular = defineJob("circular", {
    run: () => {
      const value: Record<string, unknown> = {};
      return (value["self"] = value);
    },
  });
  await using world = await openWorld({ jobs: [late, circular] });
  for (const [job, name] of [
    [late, "TIMEOUT"],
    [circular, "OUTPUT_INVALID"],
  ] as const) {
    const id = await world.forge.dispatch(job, {});
    await world.forge.jobs.wait(id);
    expect((await world.forge.jobs.get(id, { history: true }))!.history).toMatchObject([{ errorName: name }]);
  }
});

test("a cancellation tells who asked for it and why", async () => {
  const idle = defineJob("idle", { run: () => {} });
  await using world = await openWorld({ jobs: [idle], worker: false });
  const id = await world.forge.dispatch(idle, {});
  await world.forge.jobs.cancel(id, { reason: "too late", by: "ada" });
  expect((await world.forge.jobs.get(id, { history: true }))!.history).toMatchObject([
    { event: "cancel", by: "ada", reason: "too late", attempt: 0, worker: null },
  ]);
});

test("a wrong option of get, cancel or retry is refused, and nothing is done", async () => {
  const idle = defineJob("idle", { run: () => {} });
  await using world = await openWorld({ jobs: [idle], worker: false });
  const { jobs } = world.forge;
  const id = await world.forge.dispatch(idle, {});
  const refused = { code: "BAD_REQUEST" };
  await expect(jobs.get(id, { past: true } as never)).rejects.toMatchObject(refused);
  await expect(jobs.cancel(id, { by: "" })).rejects.toMatchObject(refused);
  await expect(jobs.cancel(id, { by: "x".repeat(1_001) })).rejects.toMatchObject(refused);
  expect((await jobs.get(id))!.status).toBe("pending");
  await jobs.cancel(id);
  await expect(jobs.retry(id, { maxAttempts: 0 })).rejects.toMatchObject(refused);
  await expect(jobs.retry(id, { by: "a\0" })).rejects.toMatchObject(refused);
  expect((await jobs.get(id))!.status).toBe("cancelled");
});
