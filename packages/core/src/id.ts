import { v7, validate } from "uuid";
import { ForgeError, shown } from "./errors.ts";

/** A new UUIDv7: ids made later sort later, so inserts touch one end of an index. */
export function newId(): string {
  return v7();
}

/** Checks an id and brings it to lower case. Throws `BAD_REQUEST`. */
export function checkId(id: string, what: string): string {
  if (typeof id !== "string" || !validate(id)) {
    throw new ForgeError("BAD_REQUEST", `${what} must be a UUID; got ${shown(id)}.`, { details: { id } });
  }
  return id.toLowerCase();
}
