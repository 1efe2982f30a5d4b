import { defineJob } from "@forge-jobs/core";
import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import { openWorld } from "./support/world.ts";

const index = defineJob("index", {
  idempotent: { key: ({ page }: { page: string; text: string }) => page },
  run: (_ctx, { text }) => text,
});
const plain = defineJob("plain", { run: () => {} });

test("a dispatch with replace puts a waiting job off, and it runs once with what came last", async () => {
  await using world = await openWorld({ jobs: [index] });
  const { forge } = world;
  const ids: string[] = [];
  for (const text of ["H", "He", "Hello"]) {
    ids.push(await forge.dispatch(index, { page: "home", text }, { delay: "1h", replace: true }));
  }
  const other = await forge.dispatch(index, { page: "about", text: "Us" }, { delay: "1h", replace: true });
  expect(new Set(ids).size).toBe(1);
  expect(other).not.toBe(ids[0]);
  const last = await forge.dispatch(
    index,
    { page: "home", text: "Hello!" },
    { replace: true, priority: "high", retry: { maxAttempts: 7 } },
  );
  expect(last).toBe(ids[0]);
  expect(await forge.jobs.wait(last)).toMatchObject({
    output: "Hello!",
    attempts: 1,
    maxAttempts: 7,
    priority: "high",
  });
  expect((await forge.jobs.list()).jobs).toHaveLength(2);
});

test("a job that has started is left alone, and one that has ended makes way for a new one", async () => {
  const started = Promise.withResolvers<void>();
  const go = Promise.withResolvers<void>();
  const slow = defineJob("slow", {
    run: async (_ctx, text: string) => {
      started.resolve();
      await go.promise;
      return text;
    },
  });
  await using world = await openWorld({ jobs: [slow] });
  const { forge } = world;
  const options = { idempotencyKey: "k", replace: true } as const;
  const first = await forge.dispatch(slow, "a", options);
  await started.promise;
  expect(await forge.dispatch(slow, "b", options)).toBe(first);
  go.resolve();
  expect(await forge.jobs.wait(first)).toMatchObject({ output: "a" });
  const second = await forge.dispatch(slow, "c", options);
  expect(second).not.toBe(first);
  expect(await forge.jobs.wait(second)).toMatchObject({ output: "c" });
});

test("in a bulk the last of a key counts; in a transaction it happens as that ends", async () => {
  await using world = await openWorld({ jobs: [index], worker: false });
  const { forge } = world;
  const inputs = ["a", "b", "c"].map((text) => ({ page: "home", text }));
  const ids = await forge.dispatchMany(index, inputs, { replace: true });
  expect(new Set(ids).size).toBe(1);
  const id = ids[0]!;
  expect((await forge.jobs.get(id))!.input).toEqual({ page: "home", text: "c" });
  const db = new DatabaseSync(world.file);
  for (const end of ["ROLLBACK", "COMMIT"]) {
    db.exec("BEGIN IMMEDIATE");
    expect(await forge.dispatch(index, { page: "home", text: end }, { replace: true, tx: db })).toBe(id);
    db.exec(end);
  }
  db.close();
  expect((await forge.jobs.get(id))!.input).toEqual({ page: "home", text: "COMMIT" });
});

test("replace needs a key, and is refused where nothing could be replaced; the input is checked as ever", async () => {
  const parent = defineJob("parent", {
    retry: false,
    // @ts-expect-error a child replaces nothing, and says so
    run: async (ctx) => ctx.dispatchChild(index, { page: "p", text: "t" }, { replace: true }),
  });
  await using world = await openWorld({ jobs: [index, plain, parent] });
  const { forge } = world;
  const refused = { code: "BAD_REQUEST" };
  await expect(forge.dispatch(plain, null, { replace: true })).rejects.toMatchObject({
    ...refused,
    message: expect.stringContaining("idempotencyKey") as string,
  });
  await expect(forge.dispatchMany(plain, [null, null], { replace: true })).rejects.toMatchObject(refused);
  // @ts-expect-error it is true or false
  await expect(forge.dispatch(index, { page: "p", text: "t" }, { replace: 1 })).rejects.toMatchObject(refused);
  const { status, error } = await forge.jobs.wait(await forge.dispatch(parent, null));
  expect(status).toBe("failed");
  expect(error).toContain('dispatchChild has no option "replace"');
  expect((await forge.jobs.list({ type: "index" })).jobs).toEqual([]);
  expect(await forge.dispatch(plain, null, { replace: true, idempotencyKey: "k" })).toEqual(expect.any(String));
});
