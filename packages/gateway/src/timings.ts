const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;

/** Every interval of a gateway, in milliseconds. The first three are options, the others are fixed. */
export interface Timings {
  readonly heartbeatMs: number;
  /** How often a client polls that cannot stream; also how often the hub looks while no hints of other processes arrive. */
  readonly pollMs: number;
  readonly backstopMs: number;
  /** How long a session may take no bytes before it is cut. */
  readonly drainMs: number;
  /** How long a session lives before it must authenticate anew. */
  readonly sessionMs: number;
  /** How long an unknown id stays registered, since its transaction may not have committed yet. */
  readonly unknownMs: number;
  /** The wait before the first look at a lost database; doubled up to ten times as long. */
  readonly recoverMs: number;
  /** Over how long clients are told to spread their return. */
  readonly spreadMs: number;
  /** How long ended streams get to take their last bytes. */
  readonly endMs: number;
}

/** What applies where the options say nothing else. */
export const DEFAULT_TIMINGS: Timings = {
  heartbeatMs: 15 * SECOND_MS,
  pollMs: 2 * SECOND_MS,
  backstopMs: 15 * SECOND_MS,
  drainMs: 30 * SECOND_MS,
  sessionMs: 60 * MINUTE_MS,
  unknownMs: 5 * SECOND_MS,
  recoverMs: SECOND_MS / 2,
  spreadMs: 5 * SECOND_MS,
  endMs: 3 * SECOND_MS,
};

/** `ms` give or take a fifth, so that processes and clients do not march in step. */
export function jittered(ms: number): number {
  return ms * (0.8 + 0.4 * Math.random());
}
