import { defineJob, defineWorkflow, type WorkflowContext, type WorkflowDefinition } from "@forge-jobs/core";
import { createTestForge, type ExportedRun, replay } from "@forge-jobs/core/testing";
import { expect, test } from "vitest";

const called: string[] = [];
const does = (name: string) => (): string => {
  called.push(name);
  return name;
};

const signUp = (
  run: (ctx: WorkflowContext, input: { name: string }) => Promise<unknown>,
): WorkflowDefinition<{ name: string }> => defineWorkflow("sign_up", { run });

const original = signUp(async (ctx, { name }) => {
  const token = await ctx.step("token", does("token"));
  await ctx.step("mail", does("mail"));
  await ctx.sleep("wait", "1d");
  const click = await ctx.waitForEvent<{ at: string }>("clicked");
  await ctx.step("welcome", does("welcome"));
  return { name, token, at: click?.at };
});

/** A run of the original as JSON, waiting for its event, and once it has ended. */
async function exported(): Promise<{ waiting: ExportedRun; ended: ExportedRun }> {
  await using forge = await createTestForge({ workflows: [original] });
  const id = await forge.startWorkflow(original, { name: "Ada" });
  const json = async (): Promise<ExportedRun> =>
    JSON.parse(JSON.stringify(await forge.workflows.get(id))) as ExportedRun;
  await forge.drain();
  const waiting = await json();
  await forge.signal(id, "clicked", { at: "noon" });
  const ended = await json();
  called.length = 0;
  return { waiting, ended };
}

test("the code that made a run ends as it did, and goes on where it waits; no step is called", async () => {
  const { waiting, ended } = await exported();
  expect(ended).toMatchObject({ status: "completed", output: { name: "Ada", token: "token", at: "noon" } });
  expect(await replay(ended, original)).toEqual({
    end: { kind: "completed", output: ended.output },
    drift: [],
    divergence: null,
  });
  expect(await replay(waiting, original)).toEqual({
    end: { kind: "goes_on", at: ["clicked"] },
    drift: [],
    divergence: null,
  });
  expect(called).toEqual([]);
});

test("steps that the code no longer asks for are drift; one that is new is where it goes on", async () => {
  const { waiting, ended } = await exported();
  const renamed = signUp(async (ctx) => {
    await ctx.step("token", does("token"));
    await ctx.step("letter", does("letter"));
    await ctx.sleep("wait", "1d");
    return ctx.waitForEvent("clicked");
  });
  expect(await replay(waiting, renamed)).toEqual({
    end: { kind: "goes_on", at: ["letter"] },
    drift: ["mail", "wait", "clicked"],
    divergence: null,
  });
  const report = await replay(ended, renamed);
  expect(report.divergence).toBe(
    "It completed with { name: 'Ada', token: 'token', at: 'noon' }, and the code now goes on at letter.",
  );
  expect(called).toEqual([]);
});

test("another output and another end are divergence", async () => {
  const { ended } = await exported();
  const shorter = signUp(async (ctx) => ctx.step("token", does("token")));
  expect(await replay(ended, shorter)).toMatchObject({
    end: { kind: "completed", output: "token" },
    drift: ["mail", "wait", "clicked", "welcome"],
    divergence: expect.stringContaining('the code now returns "token"'),
  });
  const broken = signUp(async () => {
    throw new TypeError("oh no");
  });
  expect(await replay(ended, broken)).toMatchObject({
    end: { kind: "failed", error: new TypeError("oh no") },
    divergence: expect.stringContaining("the code now throws TypeError: oh no"),
  });
  expect(called).toEqual([]);
});

test("failed steps, children, branches and races replay as they were", async () => {
  const fetchOne = defineJob("fetch_one", { run: (_ctx, n: number) => n * 10 });
  const bad = defineJob("bad", {
    retry: false,
    run: () => {
      throw new Error("bad");
    },
  });
  const mixed = defineWorkflow("mixed", {
    run: async (ctx) => {
      const errors: string[] = [];
      const noted = (error: unknown): void => void errors.push((error as Error).name);
      await ctx.step("hopeless", () => Promise.reject(new Error("no")), { retry: false }).catch(noted);
      await ctx.runJob(bad, null).catch(noted);
      const both = await ctx.parallel({
        one: (inner) => inner.runJob(fetchOne, 1),
        two: async (inner) => {
          await inner.sleep("1h");
          return inner.runJob(fetchOne, 2);
        },
      });
      const first = await Promise.race([
        ctx.sleep("long", "2h").then(() => "long"),
        ctx.sleep("short", "1h").then(() => "short"),
      ]);
      const { winner } = await ctx.race({ a: (inner) => inner.sleep("3h"), b: (inner) => inner.sleep("2h") });
      return { errors, both, first, winner, uuid: ctx.uuid(), now: ctx.now() };
    },
  });
  await using forge = await createTestForge({ jobs: [fetchOne, bad], workflows: [mixed] });
  const id = await forge.startWorkflow(mixed, null);
  await forge.drain();
  const run = (await forge.workflows.get(id))!;
  expect(run).toMatchObject({
    status: "completed",
    output: { errors: ["StepFailed", "ChildFailed"], both: { one: 10, two: 20 }, first: "short", winner: "b" },
  });
  expect(await replay(run, mixed)).toEqual({
    end: { kind: "completed", output: run.output },
    drift: [],
    divergence: null,
  });
});

test("a run that failed fails again; one that ran out of time goes on where it stood", async () => {
  const failing = defineWorkflow("failing", {
    run: async (ctx) => {
      await ctx.step("done", () => 1, { compensate: () => {} });
      throw new Error("on purpose");
    },
  });
  const late = defineWorkflow("late", { timeout: "1h", run: (ctx) => ctx.waitForEvent("never") });
  await using forge = await createTestForge({ workflows: [failing, late] });
  const [failed, timedOut] = [await forge.startWorkflow(failing, null), await forge.startWorkflow(late, null)];
  await forge.drain();
  expect(await replay((await forge.workflows.get(failed))!, failing)).toMatchObject({
    end: { kind: "failed", error: { message: "on purpose" } },
    divergence: null,
  });
  expect(await replay((await forge.workflows.get(timedOut))!, late)).toMatchObject({
    end: { kind: "goes_on", at: ["never"] },
    divergence: null,
  });
});

test("code that awaits something else stands still, and what is no run of this code is refused", async () => {
  const { ended } = await exported();
  const stuck = signUp(() => new Promise(() => {}));
  expect(await replay(ended, stuck)).toMatchObject({ end: { kind: "goes_on", at: [] } });
  const next = defineWorkflow("sign_up", { version: 2, run: async () => {} });
  await expect(replay(ended, next)).rejects.toMatchObject({ code: "BAD_REQUEST" });
  await expect(replay({} as ExportedRun, original)).rejects.toMatchObject({ code: "BAD_REQUEST" });
});
