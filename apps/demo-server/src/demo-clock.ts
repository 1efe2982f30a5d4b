import type { StoreClock } from "@forge-jobs/core";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { partialFile } from "./files/partial-file.ts";

/**
 * The clock that Forge goes by in the demo: the database's time, and what people have moved it forward by.
 *
 * Kept in the data folder, since time must not run backwards at the next start.
 */
export interface DemoClock {
  /** For the store, which looks at it at every statement. */
  readonly store: Readonly<StoreClock>;
  /** Moves the time of all jobs and runs. Resolves when that is durable and in force. */
  forward(ms: number): Promise<void>;
}

/** Opens the clock of that data folder. */
export async function openDemoClock(dataDir: string): Promise<DemoClock> {
  await mkdir(dataDir, { recursive: true });
  const path = join(dataDir, "clock.json");
  const store: StoreClock = { offsetMs: await keptOffset(path) };
  let last: Promise<void> = Promise.resolve();
  return {
    store,
    forward(ms) {
      const moved = last.then(async () => {
        const offsetMs = store.offsetMs + ms;
        const file = await partialFile(path);
        await writeFile(file.path, JSON.stringify({ offsetMs }), { flush: true });
        await file.publish();
        store.offsetMs = offsetMs;
      });
      last = moved.catch(() => undefined);
      return moved;
    },
  };
}

async function keptOffset(path: string): Promise<number> {
  const text = await readFile(path, "utf8").catch(() => null);
  return text === null ? 0 : (JSON.parse(text) as StoreClock).offsetMs;
}
