import { type ChildProcess, spawn } from "node:child_process";

/**
 * Starts a shell that ends the process `pid` and removes `folder` once this process is gone.
 *
 * The pipe to it closes with this process, also after SIGKILL, when no hook of a test runner runs. Whoever ends the process
 * itself kills the shell.
 */
export function guardOver(pid: number, folder = ""): ChildProcess {
  const script = 'read _; kill -KILL "$1"; [ -z "$2" ] || rm -rf "$2"';
  const guard = spawn("/bin/sh", ["-c", script, "guard", String(pid), folder], {
    detached: true,
    stdio: ["pipe", "ignore", "ignore"],
  });
  guard.unref();
  return guard;
}
