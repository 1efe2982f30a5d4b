import type { Forge } from "@forge-jobs/core";
import { isSettledJobStatus } from "@forge-jobs/protocol";
import { readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { DemoData } from "./data/demo-data.ts";
import { FOLDERS } from "./files/demo-files.ts";
import { PARTIAL_SUFFIX } from "./files/partial-file.ts";

const KEPT_MS = 24 * 60 * 60_000;

/** Where leftovers are looked for. */
export interface LeftoversOptions {
  readonly forge: Forge;
  readonly data: DemoData;
  readonly dataDir: string;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/**
 * Clears what handlers could not clear themselves because their process was killed: stages and unfinished files of jobs that
 * have settled since. A job that will run again clears its own. Also removes files that are older than a day.
 */
export async function removeLeftovers({ forge, data, dataDir, now }: LeftoversOptions): Promise<void> {
  const isOver = async (jobId: string): Promise<boolean> => {
    const job = await forge.jobs.get(jobId);
    return job === null || isSettledJobStatus(job.status);
  };
  for (const jobId of await data.stagedJobs()) if (await isOver(jobId)) await data.clearStage(jobId);

  for (const jobId of await namesIn(join(dataDir, FOLDERS.downloads))) {
    const folder = join(dataDir, FOLDERS.downloads, jobId);
    const partial = (await namesIn(folder)).filter((name) => name.endsWith(PARTIAL_SUFFIX));
    if (partial.length > 0 && (await isOver(jobId))) {
      for (const name of partial) await rm(join(folder, name), { force: true });
    }
    await removeOld(folder, now);
  }
  for (const runId of await namesIn(join(dataDir, FOLDERS.mails))) {
    await removeOld(join(dataDir, FOLDERS.mails, runId), now);
  }
  for (const owner of await namesIn(join(dataDir, FOLDERS.uploads))) {
    for (const name of await namesIn(join(dataDir, FOLDERS.uploads, owner))) {
      await removeOld(join(dataDir, FOLDERS.uploads, owner, name), now);
    }
  }
}

async function namesIn(folder: string): Promise<string[]> {
  return readdir(folder).catch(() => []);
}

async function removeOld(path: string, now: number): Promise<void> {
  const found = await stat(path).catch(() => null);
  if (found !== null && now - found.mtimeMs > KEPT_MS) await rm(path, { recursive: true, force: true });
}
