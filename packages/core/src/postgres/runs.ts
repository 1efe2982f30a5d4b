import type { ChildEnd, PendingSignal, RunMemo, RunState, StepRecord, Undoing, WorkflowVerbs } from "../store.ts";
import { binaryArrays } from "./arrays.ts";
import { byId } from "./by-id.ts";
import type { Database, Tables } from "./database.ts";
import { jobRecord, stateColumns, stateRecord, type StateRow, wholeColumns, type WholeRow } from "./read.ts";
import type { Statement } from "./session.ts";
import { STEP, stepRecord, type StepRow } from "./step-statements.ts";

type UndoRow = [
  error: string | null,
  errorName: string | null,
  publicError: string | null,
  endsAs: Undoing["endsAs"] | null,
];

/** What a run has besides its row, as statements answer it. */
type RunRow = [
  ...UndoRow,
  timeoutAt: number | null,
  declared: string | null,
  waitingFor: string | null,
  isUndone: boolean,
  blocked: string | null,
  claimNo: number,
];

/** Of the row `job` and what the run `r` has besides it. What it waits for counts while it sleeps. */
const RUN = `r.undo_error, r.undo_error_name, r.undo_public_error, r.ends_as,
  round(date_part('epoch', r.timeout_at) * 1000), r.declared::text,
  CASE WHEN job.status = 'pending' THEN r.waiting_for END, r.is_undone, r.blocked, job.claim_no`;
const RUN_COLUMNS = 10;

/** The sorts of rows that loading answers, each in the columns of a step. */
const [HEAD, OF_STEP, OF_SIGNAL, OF_CHILD] = [0, 1, 2, 3] as const;

type LoadedRow = [sort: number, ...StepRow];

/** Makes the verbs that read runs. */
export function createRuns(database: Database): Pick<WorkflowVerbs, "load" | "states" | "get"> {
  const { load, states, whole, steps } = readStatements(database.tables);

  async function stepsOf(ids: readonly string[]): Promise<Map<string, StepRecord[]>> {
    if (ids.length === 0) return new Map();
    const rows = await database.run<StepRow>(steps, [binaryArrays.uuid(ids)]);
    return new Map([...Map.groupBy(rows, ([runId]) => runId)].map(([id, own]) => [id, stepRecords(own)]));
  }

  /** The rows before the steps: steps newer than the revision beside them are told of once more, older ones would stay. */
  async function read<Row extends unknown[], Job extends { readonly id: string }>(
    statement: Statement,
    ids: readonly string[],
    jobOf: (row: Row) => Job,
  ): Promise<(Job & RunState)[]> {
    if (ids.length === 0) return [];
    const rows = await database.run<[...Row, ...RunRow]>(statement, [binaryArrays.uuid([...new Set(ids)])]);
    const jobs = rows.map((row) => jobOf(row as unknown as Row));
    const ofRuns = await stepsOf(jobs.map(({ id }) => id));
    return jobs.map((job, n) => {
      const run = rows[n]!.slice(-RUN_COLUMNS) as RunRow;
      return { ...job, ...runState(run), steps: ofRuns.get(job.id) ?? [] };
    });
  }

  return {
    async load({ ids }) {
      if (ids.length === 0) return [];
      const rows = await database.run<LoadedRow>(load, [binaryArrays.uuid([...new Set(ids)]), database.offsetMs]);
      return [...Map.groupBy(rows, ([, runId]) => runId).values()].map(memoOf);
    },
    states: ({ ids }) => read<StateRow, ReturnType<typeof stateRecord>>(states, ids, stateRecord),
    get: ({ ids }) => read<WholeRow, ReturnType<typeof jobRecord>>(whole, ids, jobRecord),
  };
}

function readStatements(tables: Tables): Readonly<Record<"load" | "states" | "whole" | "steps", Statement>> {
  const { live, ended, runs, steps, signals, history } = tables;
  const withRun = (columnsOf: (isEnded: boolean) => string): Statement => {
    const [ofLive, ofEnded] = [false, true].map((isEnded) => `${columnsOf(isEnded)}, claim_no`) as [string, string];
    return {
      text: `SELECT job.*, ${RUN} FROM (${byId(tables, { live: ofLive, ended: ofEnded })}) AS job, LATERAL (
          SELECT * FROM ${runs} WHERE id = job.id LIMIT 1
        ) AS r`,
    };
  };
  const ofRun = (table: string, columns: string): string => `unnest($1::uuid[]) AS said (id), LATERAL (
      SELECT ${columns} FROM ${table} WHERE run_id = said.id OFFSET 0
    )`;
  const nulls = (count: number): string => Array.from({ length: count }, () => "NULL").join();
  return {
    // One statement sees one moment: what raises the count of wake-ups after it has not been read either.
    load: {
      text: `WITH recorded AS MATERIALIZED (SELECT s.* FROM ${ofRun(steps, "*")} AS s)
        SELECT ${OF_STEP} AS sort, ${STEP} FROM recorded AS s
        UNION ALL
        SELECT ${HEAD}, r.id, NULL, NULL, r.ends_as, coalesce(l.wakes, 0), NULL, NULL, NULL, r.undo_error, r.undo_error_name,
          r.undo_public_error, round(date_part('epoch', r.timeout_at) * 1000), NULL, NULL,
          round(date_part('epoch', statement_timestamp()) * 1000 + $2::float8), NULL
        FROM unnest($1::uuid[]) AS said (id), LATERAL (SELECT * FROM ${runs} WHERE id = said.id LIMIT 1) AS r
        LEFT JOIN LATERAL (SELECT wakes FROM ${live} WHERE id = r.id LIMIT 1) AS l ON true
        UNION ALL
        SELECT ${OF_SIGNAL}, g.run_id, g.name, g.signal_id, ${nulls(4)}, g.payload::text, ${nulls(6)}, g.seq::float8, NULL
        FROM ${ofRun(signals, "*")} AS g WHERE g.step_key IS NULL
        UNION ALL
        SELECT ${OF_CHILD}, s.run_id, NULL, NULL, CASE
            WHEN child.status IS NULL THEN 'deleted'
            WHEN child.status IN ('failed', 'dead_letter') AND child.is_undone THEN 'compensated' ELSE child.status
          END, NULL, NULL, NULL, child.output::text, child.error, child.error_name, child.public_error, NULL, s.child_id,
          ${nulls(3)}
        FROM recorded AS s LEFT JOIN LATERAL (
          SELECT e.status, e.output, e.error, e.public_error,
            (SELECT is_undone FROM ${runs} WHERE id = e.id) AS is_undone,
            CASE WHEN e.status IN ('failed', 'dead_letter') THEN (
              SELECT h.error_name FROM ${history} AS h WHERE h.job_id = e.id AND h.event IN ('error', 'death')
              ORDER BY h.revision DESC LIMIT 1
            ) END AS error_name
          FROM ${ended} AS e WHERE e.id = s.child_id LIMIT 1
        ) AS child ON true
        WHERE s.status = 'running' AND s.child_id IS NOT NULL
          AND NOT EXISTS (SELECT FROM ${live} AS l WHERE l.id = s.child_id LIMIT 1)`,
    },
    states: withRun(stateColumns),
    whole: withRun(wholeColumns),
    steps: { text: `SELECT ${STEP} FROM ${ofRun(steps, "*")} AS s` },
  };
}

function memoOf(rows: readonly LoadedRow[]): RunMemo {
  const own = (wanted: number): StepRow[] =>
    rows.flatMap(([sort, ...row]): StepRow[] => (sort === wanted ? [row] : []));
  // A run that others recorded nothing of has this row alone.
  const [head] = own(HEAD) as [StepRow];
  const [id, , , endsAs, wakes, , , , error, errorName, publicError, timeoutAt] = head;
  return {
    id,
    wakes,
    now: head[14],
    timeoutAt,
    undoing: undoingOf([error, errorName, publicError, endsAs as unknown as Undoing["endsAs"] | null]),
    steps: stepRecords(own(OF_STEP)),
    signals: own(OF_SIGNAL)
      .toSorted((a, b) => a[14] - b[14])
      .map(pendingSignal),
    ended: own(OF_CHILD).map(childEnd),
  };
}

function stepRecords(rows: readonly StepRow[]): StepRecord[] {
  return rows.map(stepRecord).toSorted((a, b) => a.ord - b.ord);
}

function pendingSignal([, name, signalId, , , , , payload]: StepRow): PendingSignal {
  return { name, signalId, payload: payload! };
}

function childEnd([, , , status, , , , output, error, errorName, publicError, , id]: StepRow): ChildEnd {
  const failure = error === null ? null : { error, errorName, publicError: publicError! };
  return { id: id!, status: status as unknown as ChildEnd["status"], output, failure };
}

function undoingOf([error, errorName, publicError, endsAs]: UndoRow): Undoing | null {
  return endsAs === null ? null : { failure: { error: error!, errorName, publicError: publicError! }, endsAs };
}

function runState(row: RunRow): Omit<RunState, "steps"> {
  const [error, errorName, publicError, endsAs, timeoutAt, declared, waitingFor, isUndone, blocked, claimNo] = row;
  const undoing = undoingOf([error, errorName, publicError, endsAs]);
  const names = declared === null ? null : (JSON.parse(declared) as string[]);
  return { neverClaimed: claimNo === 0, timeoutAt, declared: names, waitingFor, undoing, isUndone, blocked };
}
