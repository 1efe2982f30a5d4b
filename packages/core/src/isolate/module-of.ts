import { isAbsolute } from "node:path";
import { pathToFileURL } from "node:url";
import { getCallSites } from "node:util";
import { ForgeError, shown } from "../errors.ts";

/** This function, the two that lead to it, and the module that called `defineJob`. */
const FRAMES = 4;

/** The address of the module that a thread imports for a job, or null for a job that runs in no thread of its own. */
export function isolatedModule(name: string, isolate: boolean | string | URL | undefined): string | null {
  if (isolate === undefined || isolate === false) return null;
  const given = isolate === true ? getCallSites(FRAMES).at(FRAMES - 1)?.scriptName : isolate;
  const url = given !== undefined && isAbsolute(String(given)) ? pathToFileURL(String(given)).href : String(given);
  if (!/^(file|data):/.test(url)) {
    throw new ForgeError(
      "BAD_REQUEST",
      `isolate of ${name} must be true, or the address of the module that defines it, such as import.meta.url; got ${shown(given)}.`,
    );
  }
  return url;
}
