import { createForge, type Forge, type ForgeOptions, type Store } from "@forge-jobs/core";
import { sqliteStore } from "@forge-jobs/core/sqlite";
import Fastify, { type FastifyInstance, type FastifyServerOptions } from "fastify";
import fastifyPlugin from "fastify-plugin";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { tempDir } from "../../../../test/support/temp-dir.ts";
import { mountGateway } from "../../src/mount.ts";
import { type ForgeGatewayOptions, settingsOf } from "../../src/options.ts";
import { DEFAULT_TIMINGS, type Timings } from "../../src/timings.ts";
import { type Answer, call, type CallOptions } from "./call.ts";
import { openStream, type Stream } from "./stream.ts";

interface LogLine {
  readonly level: number;
  readonly msg: string;
  readonly err?: { readonly message: string };
}

/** A started engine on a database of its own, and a listening server with its gateway. */
export interface World {
  readonly forge: Forge;
  readonly app: FastifyInstance;
  /** Such as `http://127.0.0.1:12345`. */
  readonly url: string;
  readonly logs: LogLine[];
  /** The path that the store was made with. */
  readonly file: string;
  /** Sends a request below the prefix and reads the envelope. */
  readonly call: (path: string, options?: CallOptions) => Promise<Answer>;
  /** Opens a stream, such as `/events?v=1`, and waits until it is `connected`. */
  readonly stream: (path?: string, options?: CallOptions) => Promise<Stream>;
  [Symbol.asyncDispose](): Promise<void>;
}

export interface WorldOptions extends Omit<Partial<ForgeOptions>, "store" | "logger"> {
  /** Makes the store from a path that nobody else uses. Default: SQLite. */
  readonly store?: (path: string) => Store;
  readonly gateway?: Omit<ForgeGatewayOptions, "forge">;
  readonly timings?: Partial<Timings>;
  /** Runs before the gateway is registered. */
  readonly before?: (app: FastifyInstance) => void | Promise<void>;
  /** Stands between the engine and the gateway. */
  readonly between?: (forge: Forge) => Forge;
  readonly fastify?: FastifyServerOptions;
}

const silent = { debug() {}, info() {}, warn() {}, error() {} };

export async function openWorld(options: WorldOptions = {}): Promise<World> {
  const { store = sqliteStore, gateway = {}, timings, before, between, fastify, ...engine } = options;
  const dir = await tempDir();
  const file = join(dir.path, "forge.db");
  const forge = createForge({ jobs: [], logger: silent, ...engine, store: store(file) });
  await forge.start();

  const logs: LogLine[] = [];
  const stream = { write: (line: string): number => logs.push(JSON.parse(line) as LogLine) };
  const app = Fastify({ logger: { level: "info", stream }, ...fastify });
  await before?.(app);
  const settings = settingsOf(
    { ...gateway, forge: between?.(forge) ?? forge },
    { ...DEFAULT_TIMINGS, spreadMs: 100, ...timings },
  );
  await app.register(fastifyPlugin(async (instance: FastifyInstance) => mountGateway(instance, settings)));
  await app.listen({ port: 0, host: "127.0.0.1" });

  const url = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`;
  const streams: Stream[] = [];
  return {
    forge,
    app,
    url,
    logs,
    file,
    call: (path, callOptions) => call(url + settings.prefix + path, callOptions),
    stream: async (path = "/events?v=1", callOptions = {}) => {
      const opened = await openStream(url + settings.prefix + path, callOptions);
      streams.push(opened);
      return opened;
    },
    [Symbol.asyncDispose]: async () => {
      for (const opened of streams) opened.close();
      await app.close();
      await forge.stop({ timeout: "0ms" });
      await dir.remove();
    },
  };
}
