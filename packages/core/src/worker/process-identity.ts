import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";
import type { ProcessIdentity } from "../store.ts";

/** Where this process runs. Outside Linux the parts that the system does not tell are empty. */
export function thisProcess(): ProcessIdentity {
  return {
    host: hostname(),
    bootId: tryRead(() => readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim()),
    pidNamespace: tryRead(() => readlinkSync("/proc/self/ns/pid")),
    pid: process.pid,
    processStart: processStart(process.pid),
  };
}

/**
 * Whether `other` certainly does not run any more: it ran on this very host, boot and pid namespace, and its pid is free
 * or belongs to a process with another start time. A false answer says nothing.
 */
export function isGone(other: ProcessIdentity, self: ProcessIdentity): boolean {
  // Where the boot has no name, two hosts of one name could not be told apart.
  if (self.bootId === "") return false;
  const sameHost = other.host === self.host && other.bootId === self.bootId && other.pidNamespace === self.pidNamespace;
  if (!sameHost) return false;
  if (!isRunning(other.pid)) return true;
  const start = processStart(other.pid);
  // What cannot be read (another user's process) is not judged.
  return start !== "" && other.processStart !== "" && start !== other.processStart;
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** Field 22 of /proc/<pid>/stat, counted after the command's name, which may hold spaces; a zombie has "ended". */
function processStart(pid: number): string {
  const stat = tryRead(() => readFileSync(`/proc/${pid}/stat`, "utf8"));
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return fields[0] === "Z" || fields[0] === "X" ? "ended" : (fields[19] ?? "");
}

function tryRead(read: () => string): string {
  try {
    return read();
  } catch {
    return "";
  }
}
