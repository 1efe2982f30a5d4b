import { test } from "@playwright/test";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { guardOver } from "../../../apps/demo-server/test/support/process-guard.ts";
import { freePort } from "../../support/free-port.ts";
import { tempDir } from "../../support/temp-dir.ts";

const MAIN = join(import.meta.dirname, "../../../apps/demo-server/src/main.ts");

/** A demo server in a process of its own, with data of its own. It can be stopped and started again on the same port. */
export interface Demo {
  readonly url: string;
  readonly dataDir: string;
  /** Starts the server; `paceMs` is the least that 1,000 rows take. */
  readonly start: (paceMs: number) => Promise<void>;
  /** Sends a signal and waits until the process is gone. */
  readonly stop: (signal: "SIGTERM" | "SIGKILL") => Promise<void>;
  /** How many rows a table of the SQLite file has, read beside the server. */
  readonly count: (table: string) => number;
  readonly [Symbol.asyncDispose]: () => Promise<void>;
}

/** Gives all tests of a file one demo, which runs from before the first to after the last. */
export function demoOfFile(paceMs: number): () => Demo {
  let demo: Demo | undefined;
  test.beforeAll(async () => {
    demo = await newDemo();
    await demo.start(paceMs);
  });
  test.afterAll(() => demo?.[Symbol.asyncDispose]());
  return () => demo!;
}

/** Makes a demo that has not been started yet, on an SQLite file or on the PostgreSQL at `databaseUrl`. */
export async function newDemo({ databaseUrl = "" }: { readonly databaseUrl?: string } = {}): Promise<Demo> {
  const folder = await tempDir("forge-e2e-");
  const port = await freePort();
  let child: ChildProcess | null = null;
  let guard: ChildProcess | null = null;

  const stop: Demo["stop"] = async (signal) => {
    const running = child;
    if (running === null) return;
    child = null;
    const exited = once(running, "exit");
    running.kill(signal);
    await exited;
    guard?.kill("SIGKILL");
  };
  return {
    url: `http://127.0.0.1:${port}`,
    dataDir: folder.path,
    async start(paceMs) {
      child = await listening({
        PORT: String(port),
        HOST: "127.0.0.1",
        DATABASE_URL: databaseUrl,
        FORGE_DEMO_DATA: folder.path,
        FORGE_DEMO_PACE: String(paceMs),
      });
      guard = guardOver(child.pid!, folder.path);
    },
    stop,
    count(table) {
      const db = new DatabaseSync(join(folder.path, "demo.db"), { timeout: 5_000 });
      try {
        return Number(db.prepare(`SELECT count(*) AS count FROM ${table}`).get()!["count"]);
      } finally {
        db.close();
      }
    },
    async [Symbol.asyncDispose]() {
      await stop("SIGKILL");
      await folder.remove();
    },
  };
}

async function listening(settings: Record<string, string>): Promise<ChildProcess> {
  const child = spawn(process.execPath, ["--conditions=source", MAIN], {
    // DATABASE_URL of whoever runs the tests must not lead them to a real database.
    env: { ...process.env, DATABASE_URL: "", ...settings },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  await new Promise<void>((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (chunk: Buffer) => {
        output += chunk.toString();
        if (output.includes("Forge demo on ")) resolve();
      });
    }
    child.once("exit", (code) => reject(new Error(`The demo server ended with ${code}: ${output}`)));
  });
  return child;
}
