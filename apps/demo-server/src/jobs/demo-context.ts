import { setTimeout as sleep } from "node:timers/promises";
import type { DemoData } from "../data/demo-data.ts";
import type { DemoFiles } from "../files/demo-files.ts";

/** What the demo's handlers find on their `ctx`. */
export interface DemoContext {
  /** Resolves when the demo's tables are there: a job of an earlier process may start before. */
  readonly data: Promise<DemoData>;
  readonly files: DemoFiles;
  /** The principal that dispatched a job. */
  readonly ownerOf: (jobId: string) => Promise<string>;
  /** Milliseconds to wait per 1,000 rows. */
  readonly paceMs: number;
}

declare module "@forge-jobs/core" {
  interface ForgeContext {
    demo: DemoContext;
  }
}

/**
 * Waits as long as `rows` rows are meant to take.
 *
 * The only thing in the demo that is not real work: 100,000 rows are exported in about a second, too fast for a person to
 * watch or cancel. Rejects once `signal` has aborted.
 */
export async function pace(demo: DemoContext, rows: number, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  if (demo.paceMs > 0) await sleep((rows / 1_000) * demo.paceMs, undefined, { signal });
}
