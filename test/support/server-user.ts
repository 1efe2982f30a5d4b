import type { SpawnOptions } from "node:child_process";
import { stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname } from "node:path";

export const isRoot: boolean = process.getuid?.() === 0;

/** As whom database servers run: they refuse to be root's. 65534 is "nobody" wherever there is one. */
export const serverIdentity: Pick<SpawnOptions, "uid" | "gid" | "cwd"> = isRoot
  ? { uid: 65_534, gid: 65_534, cwd: "/" }
  : { cwd: "/" };

/** The first temporary folder that every user of the machine can enter. */
export async function sharedTempRoot(): Promise<string> {
  const candidates = [tmpdir(), "/tmp", "/var/tmp"];
  if (!isRoot) return candidates[0]!;
  for (const candidate of candidates) if (await isWorldSearchable(candidate)) return candidate;
  throw new Error(`Servers do not run as root, and none of ${candidates.join(", ")} can be entered by "nobody"`);
}

export async function isWorldSearchable(folder: string): Promise<boolean> {
  const found = await stat(folder).catch(() => undefined);
  if (found === undefined || (found.mode & 0o001) === 0) return false;
  return folder === dirname(folder) || isWorldSearchable(dirname(folder));
}
