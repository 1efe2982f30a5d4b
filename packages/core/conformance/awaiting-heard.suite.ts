import { asleep, nameOf, type Way, WAYS } from "./child-ends.ts";
import { readState } from "./one-job.ts";
import { Recorder } from "./recorder.ts";
import type { Case, Suite } from "./suite.ts";

const isHeard = (way: Way): Case => ({
  name: `everybody hears that a run has work when it slept on its child and ${nameOf(way)}`,
  needs: ["notifications"],
  async run(world) {
    const { store, other } = world;
    const { parent, end } = await asleep(world, way);
    const [own, foreign] = [await Recorder.live(store), await Recorder.live(other)];
    await end();
    const { revision } = await readState(store, parent.id);
    const any = !store.capabilities.namedHints;
    for (const one of [own, foreign]) {
      await one.until("the run moved", () => one.hasMoved(parent.id, revision, { any }));
      await one.until("there is work", () => one.hasAvailable("runs", { any }));
    }
  },
});

/** What everybody hears of runs that wait for the jobs and runs which they started. */
export const awaitingHeardSuite: Suite = { topic: "awaiting heard", cases: WAYS.map(isHeard) };
