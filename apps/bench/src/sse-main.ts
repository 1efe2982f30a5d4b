// The program of a server that streams; see sse-server.ts.
import { createForge, defineJob } from "@forge-jobs/core";
import { postgresStore } from "@forge-jobs/core/postgres";
import { sqliteStore } from "@forge-jobs/core/sqlite";
import { forgeGateway } from "@forge-jobs/gateway";
import { createChannel, createSession } from "better-sse";
import Fastify from "fastify";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { SseLibrary, SseReport } from "./sse-server.ts";

/** A server that says a step to everybody who listens. */
interface Streaming {
  readonly port: number;
  readonly path: string;
  say(text: string): void;
  close(): Promise<void>;
}

const [library, where] = process.argv.slice(2) as [SseLibrary, string];
const many = 100_000;

async function forge(): Promise<Streaming> {
  let say: (text: string) => void = () => {};
  const spoken = Promise.withResolvers<void>();
  const talk = defineJob("talk", {
    public: true,
    timeout: "1h",
    run: async (ctx) => {
      say = (text) => ctx.progress(50, text);
      await spoken.promise;
    },
  });
  const store = where.startsWith("postgres:") ? postgresStore(where) : sqliteStore(where);
  const engine = createForge({ store, jobs: [talk] });
  await engine.start();
  const app = Fastify();
  const sessions = { node: many, address: many, principal: many };
  await app.register(forgeGateway, { forge: engine, limits: { sessions, subscribesPerSecond: { address: many } } });
  await app.listen({ port: 0, host: "127.0.0.1" });
  const jobId = await engine.dispatch(talk, null);
  return {
    port: (app.server.address() as AddressInfo).port,
    path: `/_api/events?v=1&job=${jobId}`,
    say: (text) => say(text),
    close: async () => {
      spoken.resolve();
      await app.close();
      await engine.stop();
    },
  };
}

async function betterSse(): Promise<Streaming> {
  const channel = createChannel();
  const server = createServer((request, response) => {
    void createSession(request, response).then((session) => channel.register(session));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const jobId = "019a0000-0000-7000-8000-000000000001";
  let revision = 0;
  return {
    port: (server.address() as AddressInfo).port,
    path: "/",
    // What Forge sends of a job, to the byte.
    say: (message) =>
      void channel.broadcast(
        { revision: ++revision, jobId, status: "running", progress: 50, message, output: null, error: null },
        "job",
      ),
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const streaming = await (library === "forge" ? forge() : betterSse());
const reply = (report: SseReport): void => void process.send?.(report);
process.on("message", (message: string) => {
  if (message.startsWith("say ")) streaming.say(message.slice(4));
  if (message === "report") {
    globalThis.gc?.();
    const { heapUsed, external } = process.memoryUsage();
    const { user, system } = process.cpuUsage();
    reply({ cpuMs: (user + system) / 1_000, bytes: heapUsed + external });
  }
  if (message === "stop") void streaming.close().then(() => process.disconnect());
});
process.on("disconnect", () => process.exit(0));
process.send?.({ port: streaming.port, path: streaming.path });
