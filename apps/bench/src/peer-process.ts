import { fork } from "node:child_process";
import { once } from "node:events";

/** What a worker process is told when it is started. */
export interface PeerOptions {
  readonly url: string;
  readonly concurrency: number;
  /** Workers in this one process. */
  readonly workers: number;
}

/** How long a job had waited when its handler started; the jobs say when they were dispatched. */
interface Start {
  readonly waitedMs: number;
}

/** A worker process of a library: ready when it is handed out, and working from `go` to `stop`. */
export interface PeerProcess {
  onStarts(listener: (starts: readonly Start[]) => void): void;
  go(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts a process that works for one of the libraries on the database at `url`. */
export async function startPeerProcess(library: "forge" | "graphile", options: PeerOptions): Promise<PeerProcess> {
  const child = fork(new URL("peer-main.ts", import.meta.url), [library, JSON.stringify(options)], {
    execArgv: ["--conditions=source"],
  });
  const said = async (word: string): Promise<void> => {
    for (;;) {
      const [message] = (await once(child, "message")) as [unknown];
      if (message === word) return;
    }
  };
  await said("ready");
  return {
    onStarts: (listener) =>
      void child.on("message", (message) => {
        if (Array.isArray(message)) listener(message.map((waitedMs: number) => ({ waitedMs })));
      }),
    go: async () => {
      child.send("go");
      await said("working");
    },
    stop: async () => {
      const gone = once(child, "exit");
      child.send("stop");
      await gone;
    },
  };
}
