import { ForgeError } from "../errors.ts";
import type { CronDefinition } from "./define-cron.ts";

/** Checks the list of crons that an engine is made with. Throws `BAD_REQUEST`. */
export function cronsOf(crons: readonly CronDefinition[]): readonly CronDefinition[] {
  if (!Array.isArray(crons) || crons.some((cron) => typeof cron?.schedule?.next !== "function")) {
    throw new ForgeError("BAD_REQUEST", "createForge({ crons }) takes a list of what defineCron made.");
  }
  const names = new Set<string>();
  for (const { name } of crons) {
    if (names.has(name)) throw new ForgeError("BAD_REQUEST", `Two crons are named ${name}; names must differ.`);
    names.add(name);
  }
  return crons;
}
