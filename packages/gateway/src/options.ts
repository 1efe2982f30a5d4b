import { durationMs, ForgeError, refuseUnknownOptions, type Duration, type Forge } from "@forge-jobs/core";
import type { FastifyRequest } from "fastify";
import type { Authorize } from "./access.ts";
import { type GatewayLimits, type ResolvedLimits, resolveLimits } from "./limits/limits.ts";
import { checkOrigins } from "./origin.ts";
import type { Principal } from "./principal.ts";
import { DEFAULT_TIMINGS, type Timings } from "./timings.ts";

/** Says who makes a request; null is anonymous, and a throw answers `UNAUTHENTICATED`. */
export type Authenticate = (request: FastifyRequest) => Principal | null | Promise<Principal | null>;

/** What `app.register(forgeGateway, …)` takes. */
export interface ForgeGatewayOptions {
  /** From `createForge(…)`; the application starts and stops it. */
  forge: Forge;
  /** The path under which the gateway's routes live. Default `"/_api"`. */
  prefix?: string;
  /** Called for every request but the two probes. Default: everybody is anonymous. */
  authenticate?: Authenticate;
  /** Decides in place of the owner rule, for public jobs only. A throw counts as a refusal and is logged. */
  authorize?: Authorize;
  /** Other sites whose pages may use this gateway with credentials, such as `"https://app.example.com"`. Default: none. */
  origins?: readonly string[];
  /** What callers may use at most. */
  limits?: GatewayLimits;
  /** How often each stream gets a sign of life. Default `"15s"`. */
  heartbeat?: Duration;
  /** How often clients poll that cannot stream. Default `"2s"`. */
  poll?: Duration;
  /** How often all watched jobs are read in case a hint was lost, ±20 %. Default `"15s"`. */
  backstop?: Duration;
}

/** Checked options, with every default filled in. */
export interface Settings {
  readonly forge: Forge;
  readonly prefix: string;
  readonly authenticate: Authenticate;
  readonly authorize: Authorize | undefined;
  readonly origins: ReadonlySet<string>;
  readonly limits: ResolvedLimits;
  readonly timings: Timings;
}

const OPTION_NAMES: readonly (keyof ForgeGatewayOptions)[] = [
  "forge",
  "prefix",
  "authenticate",
  "authorize",
  "origins",
  "limits",
  "heartbeat",
  "poll",
  "backstop",
];
const SHORTEST_INTERVAL_MS = 10;

/** Checks the options of a gateway. Throws `BAD_REQUEST` for bad and unknown ones. */
export function settingsOf(options: ForgeGatewayOptions, timings: Timings = DEFAULT_TIMINGS): Settings {
  refuseUnknownOptions("forgeGateway", options, OPTION_NAMES);
  const { forge, prefix = "/_api", authenticate = () => null, authorize, origins = [], limits = {} } = options;
  if (typeof forge?.dispatchNamed !== "function") {
    throw new ForgeError("BAD_REQUEST", "forgeGateway needs { forge }, as createForge made it.");
  }
  if (!/^(\/[\w.~-]+)+$/.test(prefix)) {
    throw new ForgeError(
      "BAD_REQUEST",
      `prefix must be a path such as "/_api", without a slash at its end; got ${JSON.stringify(prefix)}.`,
    );
  }
  for (const [name, value] of Object.entries({ authenticate, authorize })) {
    if (value !== undefined && typeof value !== "function")
      throw new ForgeError("BAD_REQUEST", `${name} must be a function.`);
  }
  return {
    forge,
    prefix,
    authenticate,
    authorize,
    origins: checkOrigins(origins),
    limits: resolveLimits(limits),
    timings: {
      ...timings,
      heartbeatMs: interval("heartbeat", options.heartbeat, timings.heartbeatMs),
      pollMs: interval("poll", options.poll, timings.pollMs),
      backstopMs: interval("backstop", options.backstop, timings.backstopMs),
    },
  };
}

function interval(name: string, duration: Duration | undefined, defaultMs: number): number {
  if (duration === undefined) return defaultMs;
  const ms = durationMs(duration, name);
  if (ms < SHORTEST_INTERVAL_MS || ms >= 2 ** 31) {
    throw new ForgeError(
      "BAD_REQUEST",
      `${name} must be from "${SHORTEST_INTERVAL_MS}ms" to "24d"; got ${JSON.stringify(duration)}.`,
    );
  }
  return ms;
}
