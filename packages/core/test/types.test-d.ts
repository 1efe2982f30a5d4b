// Checked by the compiler alone: an unexpected error, or an expected one that does not come, fails the build.
import { createForge, defineCron, defineJob, Dead, type Forge, type Job, type Store } from "@forge-jobs/core";
import { z } from "zod";

const charge = defineJob("charge", {
  input: z.object({ order: z.string(), count: z.string().transform(Number) }),
  output: z.object({ total: z.number() }),
  retry: { maxAttempts: 4, backoff: (attempt) => attempt * 1_000, on: [TypeError, "ECONNRESET"] },
  // What a dispatch takes, before the schema has parsed it,
  concurrencyKey: ({ order, count }) => order + count.trim(),
  idempotent: { key: ({ order }, { owner }) => `${owner ?? ""} ${order}` },
  // and what the handler gets.
  discardIf: ({ count }, error, ctx) => count.toFixed() === "0" && error instanceof RangeError && ctx.attempt > 1,
  run(ctx, { order, count }) {
    if (order === "") throw Dead("no order");
    return { total: count * ctx.attempt };
  },
});

/** Without a schema, what `run` declares. */
const plain = defineJob("plain", {
  run: (_ctx, input: { n: number }) => input.n,
  concurrencyKey: ({ n }) => n.toFixed(),
});
const explicit = defineJob<{ n: number }>("explicit", { run: (_ctx, { n }) => n });
const anything = defineJob("anything", { run: () => {} });

export async function dispatches(forge: Forge): Promise<void> {
  await forge.dispatch(charge, { order: "o", count: "3" }, { delay: "5m", retry: false });
  await forge.dispatchMany(plain, [{ n: 1 }]);
  await forge.dispatch(anything, new Map());
  // @ts-expect-error -- the count is text until it is parsed
  await forge.dispatch(charge, { order: "o", count: 3 });
  // @ts-expect-error -- n is a number
  await forge.dispatch(plain, { n: "1" });
  // @ts-expect-error -- n is a number
  await forge.dispatch(explicit, { n: "1" });
  // @ts-expect-error -- a list of inputs
  await forge.dispatchMany(plain, { n: 1 });
  // @ts-expect-error -- no duration
  await forge.dispatch(plain, { n: 1 }, { delay: "soon" });
  // @ts-expect-error -- no such option
  await forge.dispatch(plain, { n: 1 }, { at: new Date() });
}

export const parent = defineJob("parent", {
  async run(ctx) {
    const ids = [await ctx.dispatchChild(charge, { order: "o", count: "3" })];
    const outputs: { total: number }[] = await ctx.waitForJobs(ids);
    const mixed = [
      await ctx.dispatchChild(plain, { n: 1 }),
      await ctx.dispatchChild(charge, { order: "", count: "" }),
    ] as const;
    const [n, { total }] = await ctx.waitForJobs(mixed);
    // @ts-expect-error -- what plain returns is a number
    const text: string = n;
    return outputs.length + total + text.length;
  },
});

export const janitor = defineCron("0 3 * * *", {
  name: "janitor",
  timezone: "America/New_York",
  async run(ctx) {
    const since: Date = ctx.scheduledTime;
    for (const job of await ctx.jobs.deadLetters({ limit: 100 })) {
      const dead: Job = job;
      if (dead.attempts < 10 && dead.createdAt < since) await ctx.jobs.retry(dead.id, { maxAttempts: 1 });
    }
    return ctx.isCatchUp;
  },
});

export function refused(store: Store): void {
  // @ts-expect-error -- the output has no total
  defineJob("a", { output: z.object({ total: z.number() }), run: () => ({ sum: 1 }) });
  // @ts-expect-error -- keys are text
  defineJob("a", { input: z.object({ n: z.number() }), concurrencyKey: ({ n }) => n, run: () => {} });
  // @ts-expect-error -- no such curve
  defineJob("a", { retry: { backoff: "square" }, run: () => {} });
  // @ts-expect-error -- durations have a unit
  defineJob("a", { timeout: 5_000, run: () => {} });
  // @ts-expect-error -- crons have a name
  defineCron("* * * * *", { run: () => {} });
  // @ts-expect-error -- no such policy
  defineCron("* * * * *", { name: "a", overlap: "queue", run: () => {} });
  // @ts-expect-error -- slots are numbers
  createForge({ store, jobs: [], worker: { queues: { default: "10" } } });
}
