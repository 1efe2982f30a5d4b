import { createForge, defineJob } from "@forge-jobs/core";
import { sqliteStore } from "@forge-jobs/core/sqlite";
import { join } from "node:path";
import { expect, test } from "vitest";
import { tempDir } from "../../../test/support/temp-dir.ts";
import { gate } from "./support/world.ts";

test("jobs that were claimed in advance go back when the slots turn out to be busy, and run elsewhere", async () => {
  await using dir = await tempDir();
  const letGo = gate();
  const ran = new Map<string, string[]>();
  const jobs = (where: string) => {
    const names: string[] = [];
    ran.set(where, names);
    return defineJob("work", {
      run: async (_, input: unknown) => {
        names.push(String(input));
        if (input === "long") await letGo.opened;
      },
    });
  };
  const engine = (job: ReturnType<typeof jobs>, slots: number) =>
    createForge({
      store: sqliteStore(join(dir.path, "forge.db")),
      jobs: [job],
      worker: slots === 0 ? false : { queues: { default: slots } },
      logger: { debug() {}, info() {}, warn() {}, error: console.error },
    });
  const [busy, idle, dispatcher] = [engine(jobs("busy"), 2), engine(jobs("idle"), 2), engine(jobs("nowhere"), 0)];
  const work = dispatcher.definition("work")!;
  try {
    await dispatcher.start();
    // Many short ones, so that it claims ahead; then two long ones, which take its slots, and some that wait behind them.
    const short = Array.from({ length: 300 }, (_, n) => `short ${n}`);
    const behind = Array.from({ length: 20 }, (_, n) => `behind ${n}`);
    const ids = await dispatcher.dispatchMany(work, [...short, "long", "long", ...behind]);
    await busy.start();
    await dispatcher.jobs.wait(ids[short.length - 1]!);
    await idle.start();
    for (const id of ids.slice(-behind.length)) {
      expect(await dispatcher.jobs.wait(id)).toMatchObject({ status: "completed", attempts: 1 });
    }
    expect(ran.get("idle")).toContain("behind 19");
    letGo.open();
    for (const id of ids) expect(await dispatcher.jobs.wait(id)).toMatchObject({ status: "completed", attempts: 1 });
  } finally {
    letGo.open();
    await Promise.all([busy, idle, dispatcher].map((forge) => forge.stop()));
  }
});
