import { type ActOptions, actor } from "./act-options.ts";
import { checkName } from "./define.ts";
import { ForgeError, shown } from "./errors.ts";
import { refuseUnknownOptions } from "./options.ts";
import type { RateLimitRecord, Store } from "./store.ts";

/** How fast a scope's bucket fills; exactly one of the three rates is given. */
export interface RateLimitOptions {
  /** Tokens that flow in over a second, evenly; a whole number from 1 to 1,000,000. */
  perSecond?: number;
  /** The same for a minute. */
  perMinute?: number;
  /** The same for an hour. */
  perHour?: number;
  /**
   * How many tokens the bucket holds, and so how many can be had at once after a quiet time. Within one period at most
   * `burst` and one period's tokens are given; lower it for a service that counts strictly. Default: one period's tokens.
   */
  burst?: number;
}

/** A rate limit with its state at the moment of reading. */
export interface RateLimit {
  scope: string;
  /** How many tokens flow in over each period. */
  tokens: number;
  per: "second" | "minute" | "hour";
  burst: number;
  /** Tokens that can be had at once. */
  available: number;
  /** Milliseconds until the next token can be had, behind all that jobs wait for; 0 while some are available. */
  nextInMs: number;
  /** When it was configured as it is now, and who did, as the caller named them. */
  changedAt: Date;
  changedBy: string | null;
}

/** Buckets of tokens, in the database, for all processes together. */
export interface RateLimits {
  /**
   * Makes the bucket of a scope, full, or changes it for every process from now on; the same configuration again changes
   * nothing, so every process may say it when it starts. A change keeps what was spent; jobs that wait for their place keep
   * the time that they were told, and then ask anew. `by` is kept as `changedBy`.
   *
   * Throws `BAD_REQUEST`.
   */
  configure(scope: string, options: RateLimitOptions & ActOptions): Promise<void>;
  /** Reads all rate limits by name. */
  list(): Promise<RateLimit[]>;
  /** Reads one; null if it is not configured. */
  get(scope: string): Promise<RateLimit | null>;
}

const PERIODS = { perSecond: ["second", 1_000], perMinute: ["minute", 60_000], perHour: ["hour", 3_600_000] } as const;
const RATES = Object.keys(PERIODS) as (keyof typeof PERIODS)[];
const LARGEST = 1_000_000;

/** Checks a scope's name. Throws `BAD_REQUEST`. */
export function checkScope(scope: string): string {
  return checkName("A rate limit's scope", scope);
}

/** The error about a scope that nobody configured. */
export function unknownScope(scope: string): ForgeError {
  return new ForgeError(
    "NOT_FOUND",
    `There is no rate limit ${shown(scope)}; call forge.rateLimits.configure(${shown(scope)}, { perMinute: … }) first.`,
    { details: { scope } },
  );
}

/** Makes `forge.rateLimits`. */
export function createRateLimits(store: Store): RateLimits {
  return {
    configure: async (scope, options) => {
      checkScope(scope);
      refuseUnknownOptions("rateLimits.configure", options, [...RATES, "burst", "by"]);
      const [rate, another] = RATES.filter((name) => options[name] !== undefined);
      if (rate === undefined || another !== undefined) {
        throw new ForgeError("BAD_REQUEST", `The rate limit ${scope} takes exactly one of ${RATES.join(", ")}.`);
      }
      const tokens = checkCount(`${rate} of the rate limit ${scope}`, options[rate]);
      const burst = checkCount(`burst of the rate limit ${scope}`, options.burst ?? tokens);
      await store.rateLimits.configure({ scope, tokens, periodMs: PERIODS[rate][1], burst, ...actor(options.by) });
    },
    list: async () => (await store.rateLimits.list({})).map(rateLimit),
    get: async (scope) => {
      const [record] = await store.rateLimits.list({ scope: checkScope(scope) });
      return record === undefined ? null : rateLimit(record);
    },
  };
}

function checkCount(what: string, count: number | undefined): number {
  if (count === undefined || !Number.isInteger(count) || count < 1 || count > LARGEST) {
    throw new ForgeError("BAD_REQUEST", `${what} must be a whole number from 1 to 1,000,000; got ${shown(count)}.`);
  }
  return count;
}

function rateLimit({ periodMs, changedAt, ...record }: RateLimitRecord): RateLimit {
  const per = RATES.map((rate) => PERIODS[rate]).find(([, ms]) => ms === periodMs)?.[0] ?? "second";
  return { ...record, per, changedAt: new Date(changedAt) };
}
