import { expect, it } from "vitest";
import { until } from "../../../../test/support/until.ts";
import type { Moved } from "../../src/postgres/hints.ts";
import { Outbox } from "../../src/postgres/outbox.ts";

const CHANNELS = { available: "a", updates: "u", cancelRequests: "c", orders: "o" };

/** An outbox whose sendings are held until they are let go. */
function world(): { outbox: Outbox; sent: string[][]; letGo: () => void } {
  const sent: string[][] = [];
  let waiting: (() => void)[] = [];
  const outbox = new Outbox(CHANNELS, (notifications) => {
    sent.push(notifications.map((notification) => notification.join(" ")));
    return new Promise<void>((resolve) => waiting.push(resolve));
  });
  const letGo = (): void => {
    for (const resolve of waiting) resolve();
    waiting = [];
  };
  return { outbox, sent, letGo };
}

const moved = (id: string, revision: number): Moved => ({ id, revision, status: "running", progress: null });

it("sends what one turn of the event loop collected as one statement", async () => {
  const { outbox, sent } = world();
  outbox.addMoved([moved("x", 1)]);
  outbox.addQueues(["q"]);
  outbox.addMoved([moved("y", 1)]);
  await until(() => sent.length > 0, { what: "a sending" });
  expect(sent).toEqual([["a q", 'u {"jobs":[["x",1],["y",1]]}']]);
});

it("has one statement under way at a time, and tells only the latest state of a job that moved meanwhile", async () => {
  const { outbox, sent, letGo } = world();
  outbox.addMoved([moved("x", 1)]);
  await until(() => sent.length === 1, { what: "the first sending" });
  outbox.addMoved([moved("x", 3)]);
  outbox.addMoved([moved("x", 2), moved("y", 1)]);
  expect(sent).toHaveLength(1);
  letGo();
  await until(() => sent.length === 2, { what: "the second sending" });
  expect(sent[1]).toEqual(['u {"jobs":[["x",3],["y",1]]}']);
});

it("tells of running jobs that were asked to stop on a channel of their own, too", async () => {
  const { outbox, sent } = world();
  outbox.addMoved([moved("x", 1), { ...moved("y", 4), status: "cancel_requested" }]);
  await until(() => sent.length > 0, { what: "a sending" });
  const asked = JSON.stringify({ job_id: "y", status: "cancel_requested", progress: null, revision: 4 });
  expect(sent).toEqual([[`c ${asked}`, 'u {"jobs":[["x",1],["y",4]]}']]);
});

it("tells of a queue at once, and of all that came within the cooldown once more at its end", async () => {
  const { outbox, sent, letGo } = world();
  outbox.addQueues(["q"]);
  await until(() => sent.length === 1, { what: "the leading edge" });
  letGo();
  for (let n = 0; n < 5; n++) outbox.addQueues(["q"]);
  await until(() => sent.length === 2, { what: "the trailing edge" });
  letGo();
  expect(sent).toEqual([["a q"], ["a q"]]);
});

it("goes on after a sending that failed", async () => {
  const sent: unknown[] = [];
  const outbox = new Outbox(CHANNELS, async (notifications) => {
    sent.push(notifications);
    throw new Error("connection lost");
  });
  outbox.addMoved([moved("x", 1)]);
  await until(() => sent.length === 1, { what: "the first sending" });
  outbox.addMoved([moved("x", 2)]);
  await until(() => sent.length === 2, { what: "the second sending" });
  await outbox.close();
});

it("sends what is left when it closes, and nothing after", async () => {
  const { outbox, sent, letGo } = world();
  outbox.addQueues(["q"]);
  await until(() => sent.length === 1, { what: "the leading edge" });
  outbox.addQueues(["q"]);
  outbox.addMoved([moved("x", 1)]);
  const closed = outbox.close();
  letGo();
  await until(() => sent.length === 2, { what: "the last sending" });
  letGo();
  await closed;
  outbox.addQueues(["q"]);
  expect(sent[1]).toHaveLength(2);
  expect(sent).toHaveLength(2);
});
