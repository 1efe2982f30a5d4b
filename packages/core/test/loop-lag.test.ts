import { expect, test } from "vitest";
import { until } from "../../../test/support/until.ts";
import { watchLoopLag } from "../src/worker/loop-lag.ts";
import { defineJob } from "../src/index.ts";
import { type LogLine, openWorld, recordingLogger } from "./support/world.ts";

function block(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

const warnings = (lines: readonly LogLine[]): LogLine[] =>
  lines.filter(({ level, message }) => level === "warn" && message.includes("event loop stood still"));

test("a handler that blocks the event loop for a third of the lease is warned about, with how long", async () => {
  const busy = defineJob("busy", { run: () => block(500) });
  await using world = await openWorld({ jobs: [busy], worker: { lease: "900ms" } });
  await world.forge.dispatch(busy, null);
  const warning = await until(() => warnings(world.logs)[0], { what: "the warning" });
  // How much longer is the machine's business.
  expect(warning.fields["lagMs"]).toBeGreaterThan(450);
});

test("a block is seen whole, whenever between two looks it begins", async () => {
  for (const pause of [0, 40, 80, 120]) {
    const lines: LogLine[] = [];
    const stop = watchLoopLag(150, recordingLogger(lines));
    // Real time is meant: the looks are 15 ms apart, and the block begins anywhere between two of them.
    await new Promise((resolve) => setTimeout(resolve, pause));
    block(200);
    await until(() => warnings(lines).length > 0, { what: `the warning after ${pause} ms` });
    stop();
  }
});

test("an event loop that turns is not warned about, nor one that nobody watches any more", async () => {
  const lines: LogLine[] = [];
  const stop = watchLoopLag(60_000, recordingLogger(lines));
  block(50);
  const short = watchLoopLag(10, recordingLogger(lines));
  short();
  block(50);
  // Real time is meant: a watch that was not ended would have looked long ago.
  await new Promise((resolve) => setTimeout(resolve, 30));
  stop();
  expect(lines).toEqual([]);
});
