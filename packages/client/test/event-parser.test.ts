import { createParser } from "eventsource-parser";
import { expect, test } from "vitest";
import { createEventParser } from "../src/event-parser.ts";

type Event = readonly [name: string, data: string];

function parse(pieces: readonly string[]): Event[] {
  const events: Event[] = [];
  const feed = createEventParser((name, data) => events.push([name, data]));
  for (const piece of pieces) feed(piece);
  return events;
}

/** What a parser that shares no code with ours makes of it. */
function parseByOther(pieces: readonly string[]): Event[] {
  const events: Event[] = [];
  const parser = createParser({ onEvent: ({ event = "", data }) => events.push([event, data]) });
  for (const piece of pieces) parser.feed(piece);
  return events;
}

test.for<[what: string, text: string, events: Event[]]>([
  ["a name and data", "event: job\ndata: {}\n\n", [["job", "{}"]]],
  ["data without a name", "data: 1\n\n", [["", "1"]]],
  ["lines of data", "data: 1\ndata:2\ndata:  3\n\n", [["", "1\n2\n 3"]]],
  ["empty data", "event: job\ndata\n\n", [["job", ""]]],
  ["a colon in data", "data: a: b\n\n", [["", "a: b"]]],
  ["a line separator of Unicode in data", 'data: "\u2028"\n\n', [["", '"\u2028"']]],
  ["a name without data is no event, and its name is gone", "event: job\n\ndata: 1\n\n", [["", "1"]]],
  ["comments and other fields", ": ping\nid: 7\nretry: 10\nnew: x\ndata: 1\n\n", [["", "1"]]],
  ["fields that only begin alike", "datax: 1\ndat: 2\nevents: job\ndata: 3\n\n", [["", "3"]]],
  [
    "every kind of line's end",
    "data: 1\r\n\r\ndata: 2\r\rdata: 3\n\n",
    [
      ["", "1"],
      ["", "2"],
      ["", "3"],
    ],
  ],
  ["what has no blank line at its end", "data: 1\n\ndata: 2\n", [["", "1"]]],
])("%s", ([, text, events]) => {
  expect(parse([text])).toEqual(events);
  expect(parse(text.split(""))).toEqual(events);
});

test("any text in any pieces is what another parser makes of it", () => {
  const words = ["data", "event", "id", ":", ": ", " ", "x", "{}", "\n", "\n", "\r", "\r\n", "\n\n", "ü"];
  let seed = 1;
  const below = (limit: number): number => {
    seed = (seed * 48_271) % 2_147_483_647;
    return seed % limit;
  };
  let seen = 0;
  for (let round = 0; round < 2_000; round++) {
    const pieces = Array.from({ length: 1 + below(12) }, () =>
      Array.from({ length: below(6) }, () => words[below(words.length)]).join(""),
    );
    // Both hold back a return at the end, which may be half of a line's end.
    pieces.push("\n\n");
    const events = parse(pieces);
    expect(events, JSON.stringify(pieces)).toEqual(parseByOther(pieces));
    seen += events.length;
  }
  expect(seen).toBeGreaterThan(300);
});
