import type { Postgres } from "../../../test/support/postgres.ts";

/** What a scenario may use. */
interface Stage {
  /** A PostgreSQL 18 as it comes, for this run alone. */
  readonly server: Postgres;
  readonly rounds: number;
  /** How long what is measured over time goes on. */
  readonly minutes: number;
  /** Jobs that ended before, for what is measured beside them. */
  readonly endedRows: number;
  /** Says how far it is, on the error stream. */
  readonly say: (line: string) => void;
}

/** A situation that is measured on its own, since it takes minutes or has no peer. */
export interface Scenario {
  readonly key: string;
  readonly title: string;
  /** Answers a table in Markdown. */
  run(stage: Stage): Promise<string>;
}
