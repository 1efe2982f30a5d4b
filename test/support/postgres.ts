import { execFile, spawn, type ChildProcess } from "node:child_process";
import { chmod, chown, cp, mkdir, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { freePort } from "./free-port.ts";
import { findPostgres, type PostgresVersion } from "./postgres-binaries.ts";
import { isRoot, isWorldSearchable, serverIdentity, sharedTempRoot } from "./server-user.ts";

export type { PostgresVersion } from "./postgres-binaries.ts";
export { createDatabase, type Database } from "./database.ts";

export interface StartPostgresOptions {
  /** Server settings such as `{ fsync: "off" }`, on top of PostgreSQL's own defaults. */
  readonly settings?: Readonly<Record<string, string | number>>;
}

/** Ends a server: "fast" rolls back what is open and writes a checkpoint, "immediate" is a crash. */
export type ShutdownMode = "fast" | "immediate";

/**
 * A PostgreSQL server of its own on a loopback port, up when it is handed out.
 *
 * Up: after `startPostgres`, `start` and `restart`. Down: after `shutdown`, data and port are kept.
 * Gone: after `stop`, every later call but `stop` fails. A process that dies without calling `stop` takes its
 * servers and their folders with it.
 */
export interface Postgres {
  readonly version: PostgresVersion;
  readonly port: number;
  /** Of the superuser, on database `postgres`. The server trusts every connection from this machine. */
  readonly url: string;
  readonly pid: () => number;
  readonly shutdown: (mode?: ShutdownMode) => Promise<void>;
  readonly start: () => Promise<void>;
  readonly restart: (mode?: ShutdownMode) => Promise<void>;
  /** Ends the server and removes its data. A second call does nothing. */
  readonly stop: () => Promise<void>;
  readonly [Symbol.asyncDispose]: () => Promise<void>;
}

// Messages are read below, so they have to be in English; nothing of the user's PG* variables may leak in.
const environment = {
  PATH: process.env["PATH"],
  LC_ALL: "C",
  TZ: "UTC",
  FORGE_TEST_RESULTS: process.env["FORGE_TEST_RESULTS"],
};

const readyWithinMs = 30_000;

/** Starts PostgreSQL 15 or 18 with an empty data folder. Takes about a second. */
export async function startPostgres(
  version: PostgresVersion,
  { settings = {} }: StartPostgresOptions = {},
): Promise<Postgres> {
  const folder = await mkdtemp(join(await sharedTempRoot(), `forge-postgres-${version}-`));
  let child: ChildProcess | undefined;
  let guard: ChildProcess | undefined;
  let port = 0;

  async function launch(): Promise<void> {
    if (child !== undefined) throw new Error(`PostgreSQL ${version} on port ${port} is running already`);
    const options = { listen_addresses: "127.0.0.1", port, ...settings };
    const flags = Object.entries(options).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
    const started = spawn(join(bin, "postgres"), ["-D", data, "-k", "", ...flags], {
      ...serverIdentity,
      env: environment,
      stdio: ["ignore", "ignore", "pipe"],
    });
    child = started;
    started.once("exit", () => {
      if (child === started) child = undefined;
    });
    await whenReady(started);
    // The log goes on flowing; unread it would fill the pipe and stop the server.
    started.stderr?.resume();
    guard = guardOver(started.pid ?? 0, folder);
  }

  async function shutdown(mode: ShutdownMode = "fast"): Promise<void> {
    guard?.kill("SIGKILL");
    guard = undefined;
    const running = child;
    if (running === undefined) return;
    const exited = new Promise((resolve) => running.once("exit", resolve));
    running.kill(mode === "fast" ? "SIGINT" : "SIGQUIT");
    await exited;
    child = undefined;
  }

  async function stop(): Promise<void> {
    await shutdown("immediate");
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  }

  const data = join(folder, "data");
  let bin: string;
  try {
    bin = await prepare(version, folder, data);
    for (let tries = 1; ; tries++) {
      port = await freePort();
      try {
        await launch();
        break;
      } catch (error) {
        // Somebody else took the port between the look and the bind.
        if (tries === 5 || !String(error).includes("Address already in use")) throw error;
      }
    }
  } catch (error) {
    await stop();
    throw error;
  }

  return {
    version,
    port,
    url: `postgres://postgres@127.0.0.1:${port}/postgres`,
    pid: () => {
      if (child?.pid === undefined) throw new Error(`PostgreSQL ${version} on port ${port} is down`);
      return child.pid;
    },
    shutdown,
    start: launch,
    restart: async (mode) => {
      await shutdown(mode);
      await launch();
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/** Lays out binaries and an empty data folder so that the server's user can reach both; gives the `bin` folder. */
async function prepare(version: PostgresVersion, folder: string, data: string): Promise<string> {
  const { root, relocatable } = await findPostgres(version);
  await chmod(folder, 0o711);
  await mkdir(data, { mode: 0o700 });
  let home = root;
  if (isRoot) {
    await chown(data, 65_534, 65_534);
    if (relocatable && !(await isWorldSearchable(root))) {
      // "nobody" cannot enter a checkout below a private folder such as /root, so the binaries move out of it.
      home = join(folder, "native");
      await cp(root, home, { recursive: true, verbatimSymlinks: true });
      await promisify(execFile)("chown", ["-R", "65534:65534", home]);
    }
  }
  const bin = join(home, "bin");
  const flags = ["-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"];
  await promisify(execFile)(join(bin, "initdb"), flags, { ...serverIdentity, env: environment });
  return bin;
}

function whenReady(server: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let log = "";
    const fail = (why: string): void => {
      finish();
      server.kill("SIGQUIT");
      reject(new Error(`PostgreSQL ${why}. It said:\n${log}`));
    };
    const onExit = (code: number | null, signal: string | null): void => fail(`ended at its start (${code ?? signal})`);
    const onError = (error: Error): void => fail(`could not be started: ${error.message}`);
    const onLog = (chunk: Buffer): void => {
      log += chunk.toString();
      if (!log.includes("ready to accept connections")) return;
      finish();
      resolve();
    };
    const timer = setTimeout(() => fail(`was not ready after ${readyWithinMs} ms`), readyWithinMs);
    const finish = (): void => {
      clearTimeout(timer);
      server.stderr?.off("data", onLog);
      server.off("exit", onExit);
      server.off("error", onError);
    };
    server.stderr?.on("data", onLog);
    server.once("exit", onExit);
    server.once("error", onError);
  });
}

/**
 * Starts a shell that sleeps until this process is gone, then ends the server and removes its folder.
 *
 * The pipe to it closes with this process, also after SIGKILL, when no exit handler runs. It leads a session of its
 * own, so ending our process group leaves it alive to do its work.
 */
function guardOver(pid: number, folder: string): ChildProcess {
  const script = 'read _; kill -QUIT "$1"; while kill -0 "$1"; do sleep 0.1; done; rm -rf "$2"';
  const guard = spawn("/bin/sh", ["-c", script, "guard", String(pid), folder], {
    cwd: "/",
    detached: true,
    stdio: ["pipe", "ignore", "ignore"],
  });
  guard.unref();
  (guard.stdin as unknown as { unref(): void }).unref();
  return guard;
}
