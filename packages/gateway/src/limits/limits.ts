import { ForgeError, refuseUnknownOptions } from "@forge-jobs/core";
import { LIMITS } from "@forge-jobs/protocol";
import type { ScopedLimit } from "./scoped-limit.ts";

/** What callers may use of a node before they are answered `RATE_LIMITED`, or `TOO_LARGE` for a body. */
export interface GatewayLimits {
  /** Streams open at the same time. Default 20,000 a node, 100 a principal, 2,000 an address. */
  sessions?: Partial<ScopedLimit>;
  /** Ids watched by open streams. Default 500,000 a node, 10,000 a principal, 50,000 an address. */
  watched?: Partial<ScopedLimit>;
  /** Streams opened, subscribes and polls a second; a pause saves up to 4 s. Default 5,000 a node, 50 a principal, 500 an address. */
  subscribesPerSecond?: Partial<ScopedLimit>;
  /** The largest request body in bytes. Arguments are held to 1 MiB as well. Default 1 MiB and 64 KiB. */
  bodyBytes?: number;
}

/** `GatewayLimits` with every default filled in. */
export interface ResolvedLimits {
  readonly sessions: ScopedLimit;
  readonly watched: ScopedLimit;
  readonly subscribesPerSecond: ScopedLimit;
  readonly bodyBytes: number;
}

const DEFAULTS: ResolvedLimits = {
  sessions: { node: 20_000, principal: 100, address: 2_000 },
  watched: { node: 500_000, principal: 10_000, address: 50_000 },
  subscribesPerSecond: { node: 5_000, principal: 50, address: 500 },
  bodyBytes: LIMITS.valueBytes + LIMITS.stateBytes,
};

/** Checks limits and fills in the defaults. Throws `BAD_REQUEST`. */
export function resolveLimits(limits: GatewayLimits): ResolvedLimits {
  refuseUnknownOptions("limits", limits, Object.keys(DEFAULTS));
  return {
    sessions: scoped("sessions", limits.sessions, DEFAULTS.sessions),
    watched: scoped("watched", limits.watched, DEFAULTS.watched),
    subscribesPerSecond: scoped("subscribesPerSecond", limits.subscribesPerSecond, DEFAULTS.subscribesPerSecond),
    bodyBytes: positive("limits.bodyBytes", limits.bodyBytes ?? DEFAULTS.bodyBytes),
  };
}

function scoped(name: string, limit: Partial<ScopedLimit> = {}, defaults: ScopedLimit): ScopedLimit {
  refuseUnknownOptions(`limits.${name}`, limit, Object.keys(defaults));
  const merged = { ...defaults, ...limit };
  for (const [scope, value] of Object.entries(merged)) positive(`limits.${name}.${scope}`, value);
  return merged;
}

function positive(what: string, value: number): number {
  if (!Number.isSafeInteger(value) || value < 1) {
    throw new ForgeError("BAD_REQUEST", `${what} must be a whole number of at least 1; got ${String(value)}.`);
  }
  return value;
}
