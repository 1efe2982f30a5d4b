import { checkId, ForgeError } from "@forge-jobs/core";
import { LIMITS } from "@forge-jobs/protocol";
import type { SessionProof } from "../gateway.ts";
import type { Wanted } from "../subscriptions.ts";

/** A request body of which only its being an object is known. */
export type Body = Readonly<Record<string, unknown>>;

const LONGEST_NAME = 100;

/** Every function here throws `BAD_REQUEST` with a sentence that names the field. */
export function bodyOf(body: unknown): Body {
  if (typeof body !== "object" || body === null || Array.isArray(body)) throw bad("The body must be a JSON object.");
  return body as Body;
}

/** Reads the two values that `connected` gave the client. */
export function proofOf(body: Body): SessionProof {
  const { sessionId, sessionSecret } = body;
  if (typeof sessionId !== "string" || typeof sessionSecret !== "string") {
    throw bad("The body needs sessionId and sessionSecret, as the stream's event connected gave them.");
  }
  return { sessionId, sessionSecret };
}

/** Reads a UUID, in lower case. */
export function idOf(value: unknown, what: string): string {
  if (typeof value !== "string") throw bad(`${what} must be a UUID.`);
  return checkId(value.slice(0, LONGEST_NAME), what);
}

/** Reads a UUID, or null where the field is absent. */
export function optionalIdOf(value: unknown, what: string): string | null {
  return value === undefined || value === null ? null : idOf(value, what);
}

/** Reads a short name of the client's choice, or null where the field is absent. */
export function nameOf(value: unknown, what: string): string | null {
  if (value === undefined || value === null) return null;
  if (typeof value !== "string" || value === "" || value.length > LONGEST_NAME) {
    throw bad(`${what} must be text of 1 to ${LONGEST_NAME} characters.`);
  }
  return value;
}

/** Reads text of whatever length. */
export function textOf(value: unknown, what: string): string {
  if (typeof value !== "string") throw bad(`${what} must be text.`);
  return value;
}

/** Reads a list of `{ id, revision }`, the revision optional; of an id that comes twice the last entry counts. */
export function wantedOf(value: unknown, what: string): Wanted[] {
  const wanted = new Map<string, number>();
  for (const [index, entry] of listOf(value, what, LIMITS.watchIds).entries()) {
    const { id, revision = -1 } = (typeof entry === "object" ? entry : null) ?? {};
    if (typeof revision !== "number" || !Number.isSafeInteger(revision)) {
      throw bad(`${what}[${index}].revision must be a whole number.`);
    }
    wanted.set(idOf(id, `${what}[${index}].id`), revision);
  }
  return Array.from(wanted, ([id, revision]) => ({ id, revision }));
}

/** Reads a list of ids. */
export function idsOf(value: unknown, what: string, most: number): string[] {
  return [...new Set(listOf(value, what, most).map((id, index) => idOf(id, `${what}[${index}]`)))];
}

/** Reads the number of a change. */
export function numberOf(value: unknown, what: string): number {
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0)
    throw bad(`${what} must be a whole number.`);
  return value;
}

function listOf(value: unknown, what: string, most: number): { id?: unknown; revision?: unknown }[] {
  if (!Array.isArray(value)) throw bad(`${what} must be a list.`);
  if (value.length > most)
    throw bad(`${what} holds ${value.length} ids; at most ${most} are taken at once, so send them in parts.`);
  return value;
}

function bad(sentence: string): ForgeError {
  return new ForgeError("BAD_REQUEST", sentence);
}
