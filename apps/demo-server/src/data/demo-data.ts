import type { Accounts } from "./accounts.ts";
import type { Bookings } from "./bookings.ts";
import type { User } from "./people.ts";

/** How many users a demo database holds. */
export const DEMO_USERS = 100_000;

/** A contact that a person imports; `line` is where its row begins in the file, counted from 1. */
export interface Contact {
  readonly line: number;
  readonly name: string;
  /** In lower case; one owner has one contact per address. */
  readonly email: string;
  readonly company: string;
  readonly city: string;
}

/** One run of an import job. Runs of the same job stage apart, so a run that lost its lease cannot spoil its successor's. */
export interface ImportRun {
  readonly jobId: string;
  readonly runId: string;
}

/** What the demo's jobs and workflows need of the database beside Forge: users to export, contacts that are imported all or none. */
export interface DemoData {
  readonly accounts: Accounts;
  readonly bookings: Bookings;
  countUsers(): Promise<number>;
  /** Reads all users in the order of their ids, at most 1,000 a page, and holds no transaction between two pages. */
  userPages(): AsyncIterable<readonly User[]>;
  /** Adds rows to the run's stage, where nobody else sees them. */
  stageContacts(run: ImportRun, contacts: readonly Contact[]): Promise<void>;
  /**
   * Moves the run's stage, whose addresses differ, to the owner's contacts and records `result`, in one transaction. A
   * contact that the owner has already is overwritten. Throws, and changes nothing, if another run of the job did it before, or if the stage does not
   * hold `rows` rows any more.
   */
  finishImport(run: ImportRun, owner: string, rows: number, result: string): Promise<void>;
  /** What `finishImport` recorded for that job; null if no run came so far. */
  importResult(jobId: string): Promise<string | null>;
  /** Empties the stages of all runs of a job, or of one. Imported contacts are left alone. */
  clearStage(jobId: string, runId?: string): Promise<void>;
  /** The jobs that have rows on a stage. */
  stagedJobs(): Promise<string[]>;
  close(): Promise<void>;
}

/** What opening needs to know. */
export interface DemoDataOptions {
  /** How many users to seed an empty database with. */
  readonly users: number;
}
