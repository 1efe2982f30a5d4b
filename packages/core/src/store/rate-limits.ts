/** A bucket of tokens as it is configured: `tokens` flow in evenly over each period, and it holds `burst` at most. */
export interface RateLimitConfig {
  readonly scope: string;
  readonly tokens: number;
  readonly periodMs: number;
  readonly burst: number;
}

/** A bucket with its state at the moment of reading. */
export interface RateLimitRecord extends RateLimitConfig {
  /** Tokens that can be had now. */
  readonly available: number;
  /** Milliseconds until the next one can be had, behind all that are reserved; 0 while some are available. */
  readonly nextInMs: number;
  /** When it was configured as it is, in milliseconds since 1970, and who did. */
  readonly changedAt: number;
  readonly changedBy: string | null;
}

/** The verbs over rate limits. All times are the store's; each is one statement or transaction. */
export interface RateLimitVerbs {
  /**
   * Makes a bucket, full, or changes one. A change keeps the tokens given, at most a bucket of them, and voids the places
   * in the line, which were counted at the old rate. The same configuration again changes nothing.
   */
  configure(config: RateLimitConfig & { readonly by?: string }): Promise<void>;
  /** Reads one bucket, or all by name. */
  list(args: { scope?: string }): Promise<RateLimitRecord[]>;
  /**
   * Takes one token for each of these jobs, which differ, in their order. Answers for each the milliseconds until its token
   * is there: 0 means taken; otherwise its place in the line is kept, and asking again finds it until it was taken. Of two
   * calls at once, however many processes make them, no token goes to both. Where many come late to their turn, they are
   * told new times at the bucket's pace. Null for a scope that is not configured.
   */
  acquire(args: { scope: string; jobIds: readonly string[] }): Promise<number[] | null>;
  /**
   * Empties the bucket so that its next token is there after `retryAfterMs`, and voids the places in the line; does nothing
   * where no token would be there so soon anyway. Answers whether the scope is configured.
   */
  drain(args: { scope: string; retryAfterMs: number }): Promise<boolean>;
}
