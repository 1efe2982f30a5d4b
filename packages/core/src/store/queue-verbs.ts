/** What is set of one queue. Null: not set, so that the default applies. */
export interface QueueSettings {
  readonly name: string;
  /** Since when it is paused, in milliseconds since 1970. */
  readonly pausedAt: number | null;
  /** Who paused it; null also where nobody was named. */
  readonly pausedBy: string | null;
  /** Handlers at once in each process. */
  readonly concurrency: number | null;
  /** Handlers at once in all processes together. */
  readonly globalConcurrency: number | null;
  /** False: a failed job runs again at once. */
  readonly backoffEnabled: boolean | null;
  readonly backoffBaseSeconds: number | null;
  readonly backoffMaxSeconds: number | null;
  /** The last change of any of this: when, in milliseconds since 1970, and who. */
  readonly changedAt: number;
  readonly changedBy: string | null;
}

/** What to change of a queue; what is absent stays, and null takes a setting back. */
export type QueueChange = { readonly paused?: boolean } & {
  readonly [
    Name in Exclude<keyof QueueSettings, "name" | "pausedAt" | "pausedBy" | "changedAt" | "changedBy">
  ]?: QueueSettings[Name];
};

/** The jobs of one type in one queue, some of which wait. */
export interface WaitingLane {
  readonly queue: string;
  readonly type: string;
  /** For how long the first of them has been due, in milliseconds; negative while none is. */
  readonly dueForMs: number;
}

/** The verbs over queues. */
export interface QueueVerbs {
  /**
   * Writes settings of a queue, making its row if it has none; with `onlyAbsent` it writes those only that are null, and were
   * not emptied by a change without it.
   * `paused` keeps the instant of an earlier pause, and who it was. What changes nothing leaves no note of who said it. Answers
   * the version of the orders that says so.
   */
  change(args: { name: string; change: QueueChange; onlyAbsent: boolean; by?: string }): Promise<number>;
  /** Reads every queue for which something is set. */
  settings(): Promise<QueueSettings[]>;
  /** Finds which types wait in which queues, stepping from one to the next and not over their jobs. */
  lanes(): Promise<WaitingLane[]>;
  /** Counts the due jobs of each queue that are of the types given for it, up to `limit`, in the order given. */
  depths(args: {
    queues: readonly { readonly name: string; readonly types: readonly string[] }[];
    limit: number;
  }): Promise<number[]>;
}
