import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { guardOver } from "./process-guard.ts";
import { settingsFor } from "./world.ts";
import type { TestDatabase } from "./databases.ts";

const APP = join(import.meta.dirname, "../..");

/** A program of the demo in a process of its own. */
export interface DemoProcess extends AsyncDisposable {
  /** The first address that it printed. */
  readonly url: string;
  /** All that it has printed so far. */
  readonly output: () => string;
  /** Sends a signal and answers how the process ended: its exit code, or the signal. */
  readonly end: (signal: "SIGTERM" | "SIGINT" | "SIGKILL") => Promise<number | string | null>;
}

/** Starts `src/main.ts` on that database, and resolves when it listens. */
export async function startDemoProcess(database: TestDatabase, paceMs: number): Promise<DemoProcess> {
  const { dataDir, postgresUrl, pages } = await settingsFor(database);
  return startProgram("src/main.ts", {
    HOST: "127.0.0.1",
    DATABASE_URL: postgresUrl ?? "",
    FORGE_DEMO_DATA: dataDir,
    FORGE_DEMO_PACE: String(paceMs),
    FORGE_DEMO_SVELTE_DIR: pages.svelte,
    FORGE_DEMO_REACT_DIR: pages.react,
  });
}

/** Starts a program of this app on a free port. Rejects with what it said when it ends before it listens. */
export async function startProgram(program: string, env: Record<string, string>): Promise<DemoProcess> {
  const child = spawn(process.execPath, ["--conditions=source", join(APP, program)], {
    env: { PATH: process.env["PATH"], PORT: "0", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const exited = once(child, "exit") as Promise<[number | null, string | null]>;
  const guard = guardOver(child.pid!);
  child.once("exit", () => guard.kill("SIGKILL"));
  let output = "";
  const listening = new Promise<string>((resolve) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (chunk: Buffer) => {
        output += chunk.toString();
        const url = /http:\/\/\S+:\d+/.exec(output)?.[0];
        if (url !== undefined) resolve(url);
      });
    }
  });
  const end: DemoProcess["end"] = async (signal) => {
    child.kill(signal);
    const [code, by] = await exited;
    return code ?? by;
  };
  const url = await Promise.race([
    listening,
    exited.then(([code]) => Promise.reject(new Error(`${program} ended with ${code}: ${output}`))),
  ]);
  return { url, output: () => output, end, [Symbol.asyncDispose]: async () => void (await end("SIGKILL")) };
}
