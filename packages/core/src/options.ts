import { closest } from "./closest.ts";
import { ForgeError, shown } from "./errors.ts";

const LONGEST_TEXT = 1_000;

/**
 * Refuses option names that this version does not have, so that a misspelt or future option is never silently ignored.
 *
 * `orElse` is what may stand in the place of the object. Throws `BAD_REQUEST` naming the option and the ones there are.
 */
export function refuseUnknownOptions(what: string, options: object, known: readonly string[], orElse?: string): void {
  if (typeof options !== "object" || options === null || Array.isArray(options)) {
    const instead = orElse === undefined ? "" : `, or ${orElse}`;
    throw new ForgeError(
      "BAD_REQUEST",
      `${what} takes an object of options (${known.join(", ")})${instead}; got ${shown(options)}.`,
    );
  }
  for (const name of Object.keys(options)) {
    if (!known.includes(name)) {
      const meant = closest(name, known);
      const guess = meant === null ? "" : ` Did you mean ${meant}?`;
      throw new ForgeError(
        "BAD_REQUEST",
        `${what} has no option ${shown(name)}; it takes ${known.join(", ")}.${guess}`,
        { details: { option: name } },
      );
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
