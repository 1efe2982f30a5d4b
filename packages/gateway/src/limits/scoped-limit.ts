import { ForgeError } from "@forge-jobs/core";
import type { Caller } from "../principal.ts";

/** One limit at its three scopes. Anonymous callers have no principal and are counted by address and node only. */
export interface ScopedLimit {
  readonly node: number;
  readonly principal: number;
  readonly address: number;
}

/** Where a limit applies to a caller: the key that is counted under, the limit there, and its words. */
export interface Scope {
  readonly key: string;
  readonly limit: number;
  readonly words: string;
}

/** The scopes that a caller is counted in, narrowest first. */
export function scopesOf({ principal, address }: Caller, limit: ScopedLimit): Scope[] {
  const scopes = [
    { key: `address ${address}`, limit: limit.address, words: "This address" },
    { key: "node", limit: limit.node, words: "This server" },
  ];
  if (principal !== null)
    scopes.unshift({ key: `principal ${principal.id}`, limit: limit.principal, words: "This user" });
  return scopes;
}

/** A refusal that says when to try again. */
export function limited(sentence: string, retryAfterMs: number): ForgeError {
  const seconds = Math.max(1, Math.ceil(retryAfterMs / 1_000));
  return new ForgeError("RATE_LIMITED", `${sentence} Try again in ${seconds} s.`, {
    retryAfterMs: Math.ceil(retryAfterMs),
  });
}
