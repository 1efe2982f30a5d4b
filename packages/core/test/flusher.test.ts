import { ForgeError, type RunUpdate, type RunUpdateResult } from "@forge-jobs/core";
import { expect, test } from "vitest";
import { Flusher, type UpdateSource } from "../src/worker/flusher.ts";
import { gate, type LogLine, recordingLogger } from "./support/world.ts";

// The flusher's one effect is the verb `update`, which is passed in: here as a script of what a database may answer.
type Update = (updates: readonly RunUpdate[]) => Promise<RunUpdateResult[]>;

function flusherOver(update: Update) {
  const batches: RunUpdate[][] = [];
  const results: RunUpdateResult[] = [];
  const logs: LogLine[] = [];
  const flusher = new Flusher({
    jobs: {
      update: ({ updates }) => {
        batches.push([...updates]);
        return update(updates);
      },
    },
    log: recordingLogger(logs),
    random: () => 0,
    onRoom: () => {},
  });
  const source: UpdateSource = { onResult: (result) => results.push(result), onRefused: () => null };
  return { flusher, batches, results, logs, source };
}

const said = (id: string, part: Partial<RunUpdate>): RunUpdate => ({
  id,
  claimNo: 1,
  started: false,
  progress: undefined,
  message: undefined,
  outcome: null,
  ...part,
});
const applied: Update = async (updates) => updates.map(({ id }) => ({ id, result: "applied", cancelRequested: false }));

test("what one run says before a flush is one update", async () => {
  const { flusher, batches, source } = flusherOver(applied);
  flusher.push(said("a", { started: true }), source);
  flusher.push(said("a", { progress: 10, message: "ten" }), source);
  flusher.push(said("a", { progress: 20 }), source);
  flusher.push(said("a", { outcome: { kind: "completed", output: "1" } }), source);
  flusher.push(said("b", { started: true }), source);
  await flusher.settled();
  expect(batches).toEqual([
    [
      said("a", { started: true, progress: 20, message: "ten", outcome: { kind: "completed", output: "1" } }),
      said("b", { started: true }),
    ],
  ]);
});

test("what arrives during a flush is the next batch", async () => {
  const answer = gate();
  let first = true;
  const { flusher, batches, source } = flusherOver(async (updates) => {
    if (first) {
      first = false;
      flusher.push(said("b", { progress: 1 }), source);
      flusher.push(said("c", { progress: 2 }), source);
      answer.open();
    }
    await answer.opened;
    return applied(updates);
  });
  flusher.push(said("a", { progress: 0 }), source);
  await flusher.settled();
  expect(batches.map((batch) => batch.map(({ id }) => id))).toEqual([["a"], ["b", "c"]]);
});

test("while the database is away, updates are kept, merge with what comes later, and are written when it is back", async () => {
  let away = 3;
  const { flusher, batches, results, source } = flusherOver(async (updates) => {
    if (away-- > 0) throw new ForgeError("UNAVAILABLE", "away");
    return applied(updates);
  });
  flusher.push(said("a", { started: true, progress: 5 }), source);
  flusher.push(said("a", { outcome: { kind: "completed", output: null } }), source);
  await flusher.settled();
  expect(batches.at(-1)).toEqual([
    said("a", { started: true, progress: 5, outcome: { kind: "completed", output: null } }),
  ]);
  expect(results).toHaveLength(1);
});

test("a batch refused for its data is halved until the culprit fails alone", async () => {
  const { flusher, results, logs, source } = flusherOver(async (updates) => {
    if (updates.some(({ id }) => id === "bad")) throw new ForgeError("BAD_REQUEST", "refused");
    return applied(updates);
  });
  for (const id of ["a", "b", "bad", "c", "d", "e", "f"]) flusher.push(said(id, { progress: 1 }), source);
  await flusher.settled();
  expect(results.filter(({ result }) => result === "applied").map(({ id }) => id)).toEqual([
    "a",
    "b",
    "c",
    "d",
    "e",
    "f",
  ]);
  expect(results.find(({ id }) => id === "bad")).toMatchObject({ result: "stale" });
  expect(logs.some(({ level }) => level === "error")).toBe(true);
});

test("a row that somebody else holds is offered again", async () => {
  let held = 2;
  const { flusher, results, source } = flusherOver(async (updates) =>
    updates.map(({ id }) => ({ id, result: id === "a" && held-- > 0 ? "held" : "applied", cancelRequested: false })),
  );
  flusher.push(said("a", { outcome: { kind: "given_back", delayMs: 0 } }), source);
  flusher.push(said("b", { outcome: { kind: "given_back", delayMs: 0 } }), source);
  await flusher.settled();
  expect(results.map(({ id }) => id)).toEqual(["b", "a"]);
});

test("a thousand outcomes without an answer close the window, and answers open it", async () => {
  const answer = gate();
  const { flusher, source } = flusherOver(async (updates) => {
    await answer.opened;
    return applied(updates);
  });
  for (let n = 0; n < 999; n++)
    flusher.push(said(`job-${n}`, { outcome: { kind: "completed", output: null } }), source);
  expect(flusher.hasRoom).toBe(true);
  flusher.push(said("last", { outcome: { kind: "completed", output: null } }), source);
  expect(flusher.hasRoom).toBe(false);
  answer.open();
  await flusher.settled();
  expect(flusher.hasRoom).toBe(true);
});

test("an outage in the middle of halving acknowledges nothing twice, and leaves the window as it was", async () => {
  let refusals = 0;
  let away = 1;
  const { flusher, results, source } = flusherOver(async (updates) => {
    if (updates.length === 4 && refusals++ === 0) throw new ForgeError("BAD_REQUEST", "refused");
    if (updates[0]?.id === "c" && away-- > 0) throw new ForgeError("UNAVAILABLE", "away");
    return applied(updates);
  });
  for (const id of ["a", "b", "c", "d"])
    flusher.push(said(id, { outcome: { kind: "completed", output: null } }), source);
  await flusher.settled();
  expect(results.map(({ id }) => id)).toEqual(["a", "b", "c", "d"]);
  for (let n = 0; n < 999; n++)
    flusher.push(said(`job-${n}`, { outcome: { kind: "completed", output: null } }), source);
  expect(flusher.hasRoom).toBe(true);
  flusher.push(said("job-0", { outcome: { kind: "given_back", delayMs: 0 } }), source);
  expect(flusher.hasRoom).toBe(true);
  flusher.push(said("job-999", { outcome: { kind: "completed", output: null } }), source);
  expect(flusher.hasRoom).toBe(false);
  await flusher.settled();
});
