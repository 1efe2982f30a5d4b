import { readdir, readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";

/**
 * The living processes that carry `mark` in the environment they were started with, as pid → command line.
 *
 * Parents cannot be followed instead: a process whose parent has ended belongs to process 1. Only Linux tells the
 * environment of others; elsewhere the answer is empty.
 */
export async function markedProcesses(mark: string): Promise<Map<number, string>> {
  const found = new Map<number, string>();
  if (process.platform !== "linux") return found;
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid);
  for (const pid of pids) {
    try {
      const environment = await readFile(`/proc/${pid}/environ`, "utf8");
      if (!environment.split("\0").includes(mark)) continue;
      const command = await readFile(`/proc/${pid}/cmdline`, "utf8");
      found.set(Number(pid), command.replaceAll("\0", " ").trim());
    } catch {
      // It has ended meanwhile, or belongs to somebody else.
    }
  }
  return found;
}

/** Waits a while for marked processes to end by themselves, then kills the rest and says which those were. */
export async function endMarkedProcesses(mark: string, { withinMs }: { readonly withinMs: number }): Promise<string[]> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    const alive = await markedProcesses(mark);
    if (alive.size === 0) return [];
    if (performance.now() < deadline) {
      await sleep(100);
      continue;
    }
    for (const pid of alive.keys()) {
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // It has ended meanwhile.
      }
    }
    return [...alive].map(([pid, command]) => `${pid} ${command}`);
  }
}
