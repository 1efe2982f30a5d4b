import type { StoreIdentity } from "@forge-jobs/core";
import { createHmac, timingSafeEqual } from "node:crypto";
import type { Principal } from "./principal.ts";

/** The proof that a caller opened the session: nobody else can make it, and it is void for another principal. */
export function sessionSecret({ secret }: StoreIdentity, sessionId: string, principal: Principal | null): string {
  return createHmac("sha256", secret)
    .update(JSON.stringify(["session", sessionId, principal?.id ?? null]))
    .digest("base64url");
}

/** Compares in constant time. */
export function isSameSecret(given: string, expected: string): boolean {
  const a = Buffer.from(given);
  const b = Buffer.from(expected);
  return a.length === b.length && timingSafeEqual(a, b);
}
