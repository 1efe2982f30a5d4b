import type { JobDefinition } from "@forge-jobs/core";
import { connect, type Socket } from "node:net";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Puppet, Run } from "./puppet.ts";
import type { World } from "./world.ts";

/** A client that asked for a stream of many jobs and reads none of it. */
export interface StalledReader {
  readonly socket: Socket;
  readonly jobIds: readonly string[];
  readonly runs: readonly Run[];
  /** Moves every job once, with a message of 1 KB, and waits until that is stored. */
  readonly moveAll: (percent: number) => Promise<void>;
  /** Moves the jobs until the server's socket is full. */
  readonly fill: () => Promise<void>;
}

/** Opens a stream over a plain socket that is not read. Worker slots for all its jobs are the caller's to provide. */
export async function stalledReader(world: World, { job, run }: Puppet, jobs: number): Promise<StalledReader> {
  const jobIds = await world.forge.dispatchMany(
    job as JobDefinition<number>,
    Array.from({ length: jobs }, (_, n) => n),
  );
  const runs = await Promise.all(jobIds.map((id) => run(id)));
  const socket = connect(Number(new URL(world.url).port), "127.0.0.1");
  // Cut by the server, as some tests want it, a socket may say ECONNRESET.
  socket.on("error", () => {});
  socket.pause();
  const body = JSON.stringify({ watch: jobIds.map((id) => ({ id, revision: 0 })) });
  const watched = world.app.forgeGateway.stats().watchedJobs;
  socket.write(
    `POST /_api/events?v=1 HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
  );
  while (world.app.forgeGateway.stats().watchedJobs < watched + jobs) await nextTurn();

  const moveAll = async (percent: number): Promise<void> => {
    for (const { ctx } of runs) ctx.progress(percent, `${percent} ${"x".repeat(1_000)}`);
    const last = jobIds.at(-1) ?? "";
    while ((await world.forge.jobs.get(last))?.progress !== percent) await nextTurn();
  };
  return {
    socket,
    jobIds,
    runs,
    moveAll,
    fill: async () => {
      for (let n = 0; world.app.forgeGateway.stats().waitingStates === 0; n++) await moveAll(n % 100);
    },
  };
}
