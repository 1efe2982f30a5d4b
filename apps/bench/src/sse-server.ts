import { fork } from "node:child_process";
import { once } from "node:events";

export type SseLibrary = "forge" | "better-sse";

/** What a streaming process has used so far. */
export interface SseReport {
  readonly cpuMs: number;
  /** Heap and buffers in use after collecting garbage. */
  readonly bytes: number;
}

/** A process that streams one job's steps. */
export interface SseServer {
  readonly port: number;
  /** Where a stream of that job opens. */
  readonly path: string;
  /** Makes the job say this. */
  say(text: string): void;
  report(): Promise<SseReport>;
  stop(): Promise<void>;
}

/** Starts a streaming process; Forge's keeps its job at `where`, a file or a URL. */
export async function startSseServer(library: SseLibrary, where: string): Promise<SseServer> {
  const child = fork(new URL("sse-main.ts", import.meta.url), [library, where], {
    execArgv: ["--conditions=source", "--expose-gc"],
  });
  const [{ port, path }] = (await once(child, "message")) as [{ port: number; path: string }];
  return {
    port,
    path,
    say: (text) => void child.send(`say ${text}`),
    report: async () => {
      const answer = once(child, "message");
      child.send("report");
      return ((await answer) as [SseReport])[0];
    },
    stop: async () => {
      const gone = once(child, "exit");
      child.send("stop");
      await gone;
    },
  };
}
