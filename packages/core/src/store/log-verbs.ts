/** How grave a line is. */
export type LogLevel = "debug" | "info" | "warn" | "error";

/** A line that a handler logged. */
export interface LogLine {
  readonly jobId: string;
  readonly level: LogLevel;
  readonly attempt: number;
  readonly message: string;
  /** JSON text of an object, or null where it was logged without fields. */
  readonly fields: string | null;
}

/** A line as it is kept. */
export interface LogRecord extends LogLine {
  /** In milliseconds since 1970 by the store's clock. */
  readonly at: number;
}

/** The verbs over what handlers logged. */
export interface LogVerbs {
  /**
   * Appends lines to those of their jobs, each logged `agoMs` ago, and keeps the last 200 of each job. Lines of a job that does
   * not exist are dropped. No fence: what a run logged after it lost its job was logged all the same. No revision rises.
   */
  write(args: { lines: readonly (LogLine & { readonly agoMs: number })[] }): Promise<void>;
  /** Reads the lines of jobs, in the order in which they were written. */
  read(args: { jobIds: readonly string[] }): Promise<LogRecord[]>;
}

/** How many lines of a job are kept. */
export const KEPT_LINES = 200;
