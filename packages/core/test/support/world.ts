import { createForge, type Forge, type ForgeOptions, type Logger } from "@forge-jobs/core";
import { sqliteStore } from "@forge-jobs/core/sqlite";
import { join } from "node:path";
import { tempDir } from "../../../../test/support/temp-dir.ts";

export interface LogLine {
  readonly level: keyof Logger;
  readonly message: string;
  readonly fields: Record<string, unknown>;
}

export interface World {
  readonly forge: Forge;
  readonly file: string;
  readonly logs: LogLine[];
  /** Moves the store's clock ahead. */
  readonly clock: { offsetMs: number };
  [Symbol.asyncDispose](): Promise<void>;
}

/** A started engine on a SQLite file of its own. */
export async function openWorld(options: Omit<ForgeOptions, "store" | "logger"> & { file?: string }): Promise<World> {
  const { file: given, ...forgeOptions } = options;
  const dir = await tempDir();
  const file = given ?? join(dir.path, "forge.db");
  const logs: LogLine[] = [];
  const clock = { offsetMs: 0 };
  const forge = createForge({ ...forgeOptions, store: sqliteStore(file, { clock }), logger: recordingLogger(logs) });
  await forge.start();
  return {
    forge,
    file,
    logs,
    clock,
    [Symbol.asyncDispose]: async () => {
      await forge.stop({ timeout: "0ms" });
      await dir.remove();
    },
  };
}

/** A logger that says nothing. */
export const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} };

/** A logger that keeps its lines. */
export function recordingLogger(lines: LogLine[]): Logger {
  const at =
    (level: keyof Logger) =>
    (message: string, fields: Record<string, unknown> = {}): void => {
      lines.push({ level, message, fields });
    };
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}

/** A promise and the function that resolves it, for handlers that wait for the test and tests that wait for handlers. */
export function gate<T = void>(): { opened: Promise<T>; open: (value: T) => void } {
  const { promise, resolve } = Promise.withResolvers<T>();
  return { opened: promise, open: resolve };
}
