import { ForgeError, shown } from "./errors.ts";

/**
 * Refuses option names that this version does not have, so that a misspelt or future option is never silently ignored.
 *
 * Throws `BAD_REQUEST` naming the option and the ones there are.
 */
export function refuseUnknownOptions(what: string, options: object, known: readonly string[]): void {
  if (typeof options !== "object" || options === null) {
    throw new ForgeError("BAD_REQUEST", `${what} must be an object; got ${shown(options)}.`);
  }
  for (const name of Object.keys(options)) {
    if (!known.includes(name)) {
      throw new ForgeError("BAD_REQUEST", `${what} has no option ${shown(name)}; it takes ${known.join(", ")}.`, {
        details: { option: name },
      });
    }
  }
}
