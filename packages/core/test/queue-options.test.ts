import { createForge, defineJob, queuesFromEnv } from "@forge-jobs/core";
import { sqliteStore } from "@forge-jobs/core/sqlite";
import { expect, test } from "vitest";
import { checkWorkerOptions } from "../src/worker-options.ts";
import { openWorld } from "./support/world.ts";

const said = (text: string) => queuesFromEnv({ FORGE_QUEUES: text });

test("FORGE_QUEUES names queues and how many of their jobs run at once", () => {
  expect(said("default:10,media:2")).toEqual({ default: 10, media: 2 });
  expect(said(" default : 10 , media:2 ")).toEqual({ default: 10, media: 2 });
  for (const nothing of ["", "  "]) expect(said(nothing)).toBeUndefined();
  expect(queuesFromEnv({})).toBeUndefined();
});

test.each([
  ["default", /^Entry 1 of FORGE_QUEUES must be a queue and how many .* got "default"/],
  ["default:10,", /^Entry 2 of FORGE_QUEUES .* got ""/],
  ["default:10,:3", /^Entry 2 /],
  ["default:10,media:", /^Entry 2 /],
  ["default:10,media:2:3", /^Entry 2 /],
  ["default:10,media:-2", /^Entry 2 /],
  ["default:10,media:2.5", /^Entry 2 /],
  ["default:ten", /^Entry 1 /],
  ["default:0", /^The number in entry 1 of FORGE_QUEUES must be a whole number from 1 to 10,000; got 0/],
  ["default:1,media:10001", /^The number in entry 2 .* got 10001/],
  ["default:1,9media:1", /^The queue in entry 2 of FORGE_QUEUES must begin with a letter/],
  ["default:1,media:1,default:2", /^Entry 3 of FORGE_QUEUES names the queue default again/],
])("FORGE_QUEUES=%s is refused by its place", (text, message) => {
  expect(() => said(text)).toThrow(
    expect.objectContaining({ code: "BAD_REQUEST", message: expect.stringMatching(message) }),
  );
});

const labelOf = (options: Parameters<typeof checkWorkerOptions>[0], env: Record<string, string> = {}): string =>
  checkWorkerOptions(options, new Map(), env).label("id");

test("a worker's label is made of prefix, version and id, whichever there are", () => {
  expect(labelOf({ prefix: "eu-1", version: "2.0.1" })).toBe("eu-1-worker-2.0.1-id");
  expect(labelOf({ version: "7" })).toBe("worker-7-id");
  expect(labelOf({})).toBe("worker-id");
  const env = { FORGE_WORKER_PREFIX: "eu", FORGE_WORKER_VERSION: "3" };
  expect(labelOf({}, env)).toBe("eu-worker-3-id");
  expect(labelOf({ prefix: "us" }, env)).toBe("us-worker-3-id");
  expect(labelOf({}, { FORGE_WORKER_PREFIX: "" })).toBe("worker-id");
  expect(() => labelOf({ prefix: "e u" })).toThrow(/worker.prefix must hold 1 to 100 letters.* got "e u"/);
  expect(() => labelOf({}, { FORGE_WORKER_VERSION: "1\n2" })).toThrow(/FORGE_WORKER_VERSION must hold/);
});

const idle = defineJob("idle", { queue: "defined", run: () => {} });

test("the queue is that of the dispatch, else of the route, else of the definition", async () => {
  const asked: unknown[] = [];
  const route = (name: string, input: unknown): string | undefined => {
    asked.push([name, input]);
    return (input as { to?: string }).to;
  };
  await using world = await openWorld({ jobs: [idle], worker: false, route });
  const { forge } = world;
  const queueOf = async (id: string): Promise<string | undefined> => (await forge.jobs.get(id))?.queue;
  expect(await queueOf(await forge.dispatch(idle, { to: "routed" }))).toBe("routed");
  expect(await queueOf(await forge.dispatch(idle, {}))).toBe("defined");
  expect(asked).toEqual([
    ["idle", { to: "routed" }],
    ["idle", {}],
  ]);
  expect(await queueOf(await forge.dispatch(idle, { to: "routed" }, { queue: "said" }))).toBe("said");
  expect(asked).toHaveLength(2);
  const many = await forge.dispatchMany(idle, [{ to: "a" }, {}, { to: "b" }]);
  expect(await Promise.all(many.map(queueOf))).toEqual(["a", "defined", "b"]);
  const { id } = await forge.dispatchNamed("idle", { to: "c" }, { owner: null });
  expect(await queueOf(id)).toBe("c");
});

test("a route that throws, or answers no queue's name, refuses the dispatch, and nothing is stored", async () => {
  const answers: unknown[] = ["no queue", "", 7, null, "late"];
  const route = (): string => {
    if (answers.length === 0) throw new Error("broken");
    const answer = answers.shift();
    return (answer === "late" ? Promise.reject(new Error("late")) : answer) as string;
  };
  await using world = await openWorld({ jobs: [idle], worker: false, route });
  for (let left = answers.length; left > 0; left--) {
    await expect(world.forge.dispatch(idle, {})).rejects.toMatchObject({
      code: "BAD_REQUEST",
      message: expect.stringMatching(/^The queue that route answered for idle must begin with a letter/) as string,
    });
  }
  await expect(world.forge.dispatch(idle, {})).rejects.toMatchObject({
    code: "BAD_REQUEST",
    message: "The route of createForge threw for a job idle; it must answer a queue's name, or undefined.",
    cause: new Error("broken"),
  });
  expect((await world.forge.jobs.list()).jobs).toEqual([]);
});

test("a bad route, and bad settings of a queue, are refused with what is wrong", async () => {
  const bad = { store: sqliteStore(":memory:"), jobs: [], route: "media" as never };
  expect(() => createForge(bad)).toThrow(/createForge\(\{ route \}\) takes a function/);
  await using world = await openWorld({ jobs: [], worker: false });
  const { queues } = world.forge;
  for (const [options, message] of [
    [{ concurrency: 0 }, /concurrency must be a whole number from 1 to 10,000; got 0/],
    [{ concurrency: 1.5 }, /got 1.5/],
    [{ slots: 3 }, /queues.configure has no option "slots"/],
    [{ backoff: { enabled: "yes" } }, /backoff.enabled must be true, false or null; got "yes"/],
    [{ backoff: { baseSeconds: -1 } }, /backoff.baseSeconds must be from 0 to 2,592,000/],
    [{ backoff: { baseSeconds: 5, maxSeconds: 4 } }, /backoff.maxSeconds must not be below baseSeconds/],
    [{ backoff: { base: 5 } }, /backoff has no option "base"/],
  ] as const) {
    await expect(queues.configure("media", options as never)).rejects.toMatchObject({
      code: "BAD_REQUEST",
      message: expect.stringMatching(message) as string,
    });
  }
  for (const refused of [queues.pause(""), queues.resume("a b"), queues.ensure("1"), queues.configure("", {})])
    await expect(refused).rejects.toMatchObject({ code: "BAD_REQUEST" });
  expect(await queues.list()).toEqual([]);
  await expect(world.forge.workers.drain(7 as never)).rejects.toMatchObject({ code: "NOT_FOUND" });
});
