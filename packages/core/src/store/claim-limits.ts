/** A type of whose jobs only so many with the same concurrency key may be held at once. */
export interface KeyedType {
  readonly type: string;
  readonly perKey: number;
}

/**
 * What a claim has to heed besides the jobs that wait. One who heeds limits asks for no more jobs than can start at once: one
 * that waited for a slot would keep another from running elsewhere.
 */
export interface ClaimLimits {
  /** The queue has a limit across all processes, as the caller has heard; one who does not say so takes nothing of it. */
  readonly global: boolean;
  /** Types whose jobs have concurrency keys. They stand among the claim's types as well, for jobs of theirs that have none. */
  readonly keyed: readonly KeyedType[];
}
