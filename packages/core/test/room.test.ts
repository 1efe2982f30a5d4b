import { expect, test } from "vitest";
import { Room } from "../src/worker/room.ts";

const GB = 1e9;

/** Eight cores and 16 GB; small jobs use a core, large ones four, huge ones all. */
function world(patienceMs = 10_000) {
  let now = 0;
  const woken: string[] = [];
  const needs = new Map([
    ["small", { cpu: 1_000, memory: 0 }],
    ["large", { cpu: 4_000, memory: 2 * GB }],
    ["huge", { cpu: 8_000, memory: GB }],
    ["wide", { cpu: 0, memory: 16 * GB }],
  ]);
  const room = new Room(
    { now: () => now, wake: (queue) => woken.push(queue) },
    { cpu: 8_000, memory: 16 * GB },
    needs,
    patienceMs,
  );
  let made = 0;
  /** Claims up to `most` of the types, and takes what a database with many due jobs of the first one would answer. */
  const claim = (types: readonly string[], most: number, queue = "q") => {
    const offer = room.offer(queue, types, most);
    const jobs = Array.from({ length: offer?.limit ?? 0 }, () => ({
      id: `${++made}`,
      claimNo: 1,
      type: offer!.types[0]!,
    }));
    for (const job of jobs) room.take(job);
    offer?.end();
    return jobs;
  };
  return { room, woken, claim, pass: (ms: number) => (now += ms) };
}

test("jobs are claimed while their sum fits, and again when one ends", () => {
  const { room, claim } = world();
  const jobs = claim(["large"], 10);
  expect(jobs).toHaveLength(2);
  expect(claim(["large"], 10)).toEqual([]);
  room.release(jobs[0]!);
  room.release(jobs[0]!);
  expect(claim(["large"], 10)).toHaveLength(1);
});

test("what does not fit stands in the way of nothing that does", () => {
  const { claim, room } = world();
  claim(["large"], 1);
  expect(room.fitting("q", ["huge", "large", "small", "wide"])).toEqual(["large", "small"]);
  // As many as fit if all were of the larger type.
  expect(room.offer("q", ["huge", "large", "small"], 10)).toMatchObject({ types: ["large", "small"], limit: 1 });
});

test("memory and processors are counted apart", () => {
  const { claim, room } = world();
  expect(claim(["wide"], 5)).toHaveLength(1);
  expect(room.fitting("q", ["small", "large", "huge", "wide"])).toEqual(["small"]);
  expect(claim(["small"], 100)).toHaveLength(8);
});

test("two claims at once cannot both have the same room", () => {
  const { room } = world();
  const first = room.offer("a", ["large"], 10)!;
  expect(first.limit).toBe(2);
  expect(room.offer("b", ["small"], 1)).toBeNull();
  first.end();
  expect(room.offer("b", ["small"], 1)).not.toBeNull();
});

test("a queue whose jobs did not fit is woken once they do, and not before", () => {
  const { room, woken, claim } = world();
  const [first, second] = claim(["large"], 2);
  expect(room.offer("b", ["huge"], 1)).toBeNull();
  room.release(first!);
  expect(woken).toEqual([]);
  room.release(second!);
  expect(woken).toEqual(["b"]);
  claim(["small"], 1);
  expect(woken).toEqual(["b"]);
});

test("a type whose due jobs did not fit for long gets the next turn, and then the others again", () => {
  const { room, woken, claim, pass } = world();
  let running = claim(["small"], 8);
  const look = (): void => {
    for (const type of room.unfitting("q", ["huge", "small"])) room.note("q", type, type === "huge");
    if (running.length > 0) expect(room.offer("q", ["huge"], 1)).toBeNull();
  };
  const oneEndsAndAnotherBegins = (): number => {
    room.release(running.shift()!);
    const more = claim(["small"], 8, "other");
    running = [...running, ...more];
    return more.length;
  };
  for (let s = 0; s < 10; s++) {
    look();
    expect(oneEndsAndAnotherBegins()).toBe(1);
    pass(1_000);
  }
  look();
  for (let left = 8; left > 0; left--) {
    expect(oneEndsAndAnotherBegins()).toBe(0);
    look();
    pass(100);
  }
  expect(woken).toContain("q");
  expect(room.offer("other", ["small"], 1)).toBeNull();
  const offer = room.offer("q", ["small", "huge"], 5)!;
  expect(offer).toMatchObject({ types: ["huge"], limit: 1, alone: true });
  room.take({ id: "huge", claimNo: 1, type: "huge" });
  offer.end();
  expect(claim(["small"], 1)).toEqual([]);
  room.release({ id: "huge", claimNo: 1 });
  expect(claim(["small"], 100)).toHaveLength(8);
});

test("a turn is over when its jobs are gone, or nobody asks for them any more", () => {
  const { room, claim, pass } = world(1_000);
  claim(["small"], 1);
  const wait = (): void => {
    room.note("q", "huge", true);
    pass(1_000);
    room.note("q", "huge", true);
    expect(room.fitting("q", ["small"])).toEqual([]);
  };
  wait();
  room.note("q", "huge", false);
  expect(room.fitting("q", ["small"])).toEqual(["small"]);
  wait();
  pass(3_001);
  expect(room.fitting("q", ["small"])).toEqual(["small"]);
});
