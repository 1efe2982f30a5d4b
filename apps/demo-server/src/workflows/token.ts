import { createHash, randomBytes, timingSafeEqual } from "node:crypto";

/** A token that nobody can guess, of letters that a link can hold. */
export function newToken(): string {
  return randomBytes(32).toString("base64url");
}

/** What is kept of a token: enough to recognise it, too little to make the link. */
export function hashOf(token: string): string {
  return createHash("sha256").update(token).digest("hex");
}

/** Whether a token is the one of that hash; how long this takes tells nothing. */
export function isTokenOf(token: string, hash: string): boolean {
  return timingSafeEqual(Buffer.from(hashOf(token)), Buffer.from(hash));
}
