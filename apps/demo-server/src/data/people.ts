import { REGIONS, type Spelling } from "./names.ts";

/** A row of `demo_users`. */
export interface User {
  readonly id: number;
  readonly name: string;
  readonly email: string;
  readonly city: string;
  readonly country: string;
  readonly plan: string;
  /** ISO 8601, UTC. */
  readonly createdAt: string;
}

const PLANS = ["free", "free", "free", "team", "team", "business"] as const;
const MAIL_HOSTS = ["example.com", "example.org", "example.net", "mail.example"] as const;
const FIRST_SIGN_UP_MS = Date.UTC(2019, 0, 1);
const SIGN_UP_SPAN_MS = 7 * 365 * 24 * 60 * 60_000;

/**
 * Makes up the user of that id: always the same one, so that every seeded database holds the same people.
 *
 * Names come from twelve regions and many scripts; the e-mail address is unique and lies in a reserved domain.
 */
export function userOf(id: number): User {
  const random = randomFrom(id);
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
  const region = pick(REGIONS);
  const given = pick(region.given);
  const family = pick(region.family);
  return {
    id,
    name: wholeName(given, family, region.order),
    email: `${plain(given)}.${plain(family)}.${id}@${pick(MAIL_HOSTS)}`,
    city: pick(region.cities),
    country: region.country,
    plan: pick(PLANS),
    createdAt: new Date(FIRST_SIGN_UP_MS + Math.floor(random() * SIGN_UP_SPAN_MS)).toISOString(),
  };
}

/** The users with ids from `first` to `last`, both included. */
export function usersBetween(first: number, last: number): User[] {
  return Array.from({ length: last - first + 1 }, (_, index) => userOf(first + index));
}

function wholeName([given]: Spelling, [family]: Spelling, order: (typeof REGIONS)[number]["order"]): string {
  if (order === "western") return `${given} ${family}`;
  return order === "family-first" ? `${family} ${given}` : `${family}${given}`;
}

function plain([written, spelled]: Spelling): string {
  return (spelled ?? written).toLowerCase();
}

/** A sequence of numbers in [0, 1) that a seed decides: splitmix32, whose neighbouring seeds give unlike sequences. */
function randomFrom(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x9e3779b9) | 0;
    let mixed = state ^ (state >>> 16);
    mixed = Math.imul(mixed, 0x21f0aaad);
    mixed ^= mixed >>> 15;
    mixed = Math.imul(mixed, 0x735a2d97);
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32;
  };
}
