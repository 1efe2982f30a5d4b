import { checkText } from "./options.ts";

/** Who does something. */
export interface ActOptions {
  /** Kept with what they did, for people: at most 1,000 characters. Default: nobody in particular. */
  by?: string;
}

/** Who does something, as the stores take it. Throws `BAD_REQUEST`. */
export function actor(by: string | undefined): { by?: string } {
  return by === undefined ? {} : { by: checkText("by", by) };
}
