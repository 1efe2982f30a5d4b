/** What a claim has to heed besides the jobs that wait. */
export interface ClaimLimits {
  /** The queue has a limit across all processes, as the caller has heard; one who does not say so takes nothing of it. */
  readonly global: boolean;
  /**
   * How many handlers could start at once. No more are taken where a limit counts them: a job that waited here for a slot
   * would keep a job elsewhere from running.
   */
  readonly slots: number;
}
