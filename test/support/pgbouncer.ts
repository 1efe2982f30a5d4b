import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { chmod, chown, mkdtemp, rm, writeFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { freePort } from "./free-port.ts";
import { serverIdentity, sharedTempRoot } from "./server-user.ts";

/** A PgBouncer in transaction mode in front of one PostgreSQL server; any database on it can be named. */
export interface Pgbouncer {
  /** The URL of the same database by way of the pooler. */
  readonly through: (url: string) => string;
  readonly stop: () => Promise<void>;
}

const FOLDERS = ["/usr/sbin", "/usr/local/sbin", "/usr/local/bin", "/opt/homebrew/bin"];
const READY_WITHIN_MS = 15_000;

/** The program, or undefined where the machine has none (Debian's package is called pgbouncer). */
export function findPgbouncer(): string | undefined {
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), ...FOLDERS];
  const programs = folders.map((folder) => join(folder, "pgbouncer")).filter((file) => existsSync(file));
  return programs.find((program) => {
    try {
      execFileSync(program, ["--version"], { stdio: "ignore" });
      return true;
    } catch {
      return false;
    }
  });
}

/** Starts a PgBouncer that lends the connections of `serverUrl`'s server for one transaction at a time. */
export async function startPgbouncer(program: string, serverUrl: string): Promise<Pgbouncer> {
  const server = new URL(serverUrl);
  const folder = await mkdtemp(join(await sharedTempRoot(), "forge-pgbouncer-"));
  let child: ChildProcess | undefined;
  let port = 0;
  const stop = async (): Promise<void> => {
    if (child !== undefined && child.exitCode === null && child.signalCode === null) {
      const ended = new Promise((resolve) => child?.once("exit", resolve));
      child.kill("SIGQUIT");
      await ended;
    }
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await chmod(folder, 0o755);
    const { uid, gid } = serverIdentity;
    if (uid !== undefined && gid !== undefined) await chown(folder, uid, gid);
    for (let tries = 1; ; tries++) {
      port = await freePort();
      const file = join(folder, `${port}.ini`);
      await writeFile(file, configuration(server, port), { mode: 0o644 });
      child = spawn(program, [file], { ...serverIdentity, stdio: ["ignore", "ignore", "pipe"] });
      const log = await whenReady(child);
      if (log === null) break;
      // Somebody else may have taken the port between the look and the bind.
      if (tries === 3) throw new Error(`PgBouncer did not start. It said:\n${log}`);
    }
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    stop,
    through: (url) => {
      const own = new URL(url);
      own.hostname = "127.0.0.1";
      own.port = String(port);
      return own.href;
    },
  };
}

function configuration({ hostname, port, username }: URL, ownPort: number): string {
  return `[databases]
* = host=${hostname} port=${port} user=${username}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${ownPort}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 20
max_client_conn = 1000
; Databases come and go with the tests; connections to those that are gone would use up the server's.
server_idle_timeout = 20
`;
}

/** Null once the pooler takes connections; what it said where it ended instead. */
function whenReady(child: ChildProcess): Promise<string | null> {
  return new Promise((resolve) => {
    let log = "";
    const finish = (answer: string | null): void => {
      clearTimeout(timer);
      child.stderr?.off("data", onLog);
      // Unread it would fill the pipe and stop the pooler.
      child.stderr?.resume();
      resolve(answer);
    };
    const timer = setTimeout(() => {
      child.kill("SIGQUIT");
      finish(log);
    }, READY_WITHIN_MS);
    const onLog = (chunk: Buffer): void => {
      log += chunk.toString();
      if (log.includes("process up")) finish(null);
    };
    child.stderr?.on("data", onLog);
    child.once("exit", () => finish(log));
    child.once("error", (error) => finish(`${log}\n${error.message}`));
  });
}
