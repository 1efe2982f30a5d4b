import { type ChildProcess, spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { Address } from "./stores.ts";

/** A worker in a process of its own; see worker-process.ts and cron-process.ts. */
export interface WorkerProcess {
  readonly process: ChildProcess;
  /** Sends a signal and, but for STOP and CONT, waits for the end. */
  signal(name: NodeJS.Signals): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

export interface WorkerSettings {
  readonly address: Address;
  /** The file to which every run appends a line with its job's id. */
  readonly effects: string;
  readonly workMs: number;
  readonly lease: string;
  readonly slots: number;
  /** Runs the engine of the release with schema 1 instead of this one. */
  readonly release1?: boolean;
}

/** What a process with a cron is told; see cron-process.ts. */
export type CronProcessSettings = Pick<WorkerSettings, "address" | "effects">;

/** What a job of these processes is told. */
export interface WorkInput {
  /** Ends its process at the handler's first step. */
  readonly dies?: boolean;
  /** For how long its first run blocks the event loop, in milliseconds. */
  readonly blocksMs?: number;
}

/** Starts a worker process and waits until it works. */
export function startWorker(settings: WorkerSettings): Promise<WorkerProcess> {
  return startProcess(new URL("./worker-process.ts", import.meta.url), settings);
}

/** Starts a process with a cron and waits until it works. */
export function startCronProcess(settings: CronProcessSettings): Promise<WorkerProcess> {
  return startProcess(new URL("./cron-process.ts", import.meta.url), settings);
}

/** Starts a process that runs jobs under limits and waits until it works; see limited-process.ts. */
export function startLimitedProcess(settings: WorkerSettings): Promise<WorkerProcess> {
  return startProcess(new URL("./limited-process.ts", import.meta.url), settings);
}

async function startProcess(main: URL, settings: object): Promise<WorkerProcess> {
  const child = spawn(process.execPath, ["--conditions=source", fileURLToPath(main), JSON.stringify(settings)], {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  const ended = once(child, "exit");
  const ready = await Promise.race([once(child, "message").then(() => true), ended.then(() => false)]);
  if (!ready) throw new Error("The worker process ended before it was ready");
  const signal = async (name: NodeJS.Signals): Promise<void> => {
    child.kill(name);
    if (name !== "SIGSTOP" && name !== "SIGCONT") await ended;
  };
  return {
    process: child,
    signal,
    [Symbol.asyncDispose]: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      await signal("SIGKILL");
    },
  };
}

/** How often each job ran, by id. */
export async function effectsOf(file: string): Promise<Map<string, number>> {
  const text = await readFile(file, "utf8").catch(() => "");
  const counts = new Map<string, number>();
  for (const id of text.split("\n").filter(Boolean)) counts.set(id, (counts.get(id) ?? 0) + 1);
  return counts;
}
