import { ForgeError, shown } from "./errors.ts";

const LONGEST_TEXT = 1_000;

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

/** Checks a key, a principal or another short text that is stored. Throws `BAD_REQUEST`. */
export function checkText(what: string, text: string): string {
  if (
    typeof text !== "string" ||
    text === "" ||
    text.length > LONGEST_TEXT ||
    text.includes("\0") ||
    !text.isWellFormed()
  ) {
    throw new ForgeError(
      "BAD_REQUEST",
      `${what} must be text of 1 to ${LONGEST_TEXT} characters without NUL; got ${shown(text)}.`,
    );
  }
  return text;
}
