import type { NewSignal, SignalResult, WorkflowVerbs } from "../store.ts";
import { binaryArrays } from "./arrays.ts";
import type { Database, Tables } from "./database.ts";
import type { HintSink } from "./hints.ts";
import type { Statement } from "./session.ts";
import { wakeById } from "./wake.ts";
import { movedOf, queuesOf, WRITTEN, type WrittenRow, writtenRow } from "./written-row.ts";

const MS = "interval '1 millisecond'";

type GivenRow = [...Required<WrittenRow>, given: string];

/** Makes the verb `signal`. */
export function createSignal(database: Database, hints: HintSink): WorkflowVerbs["signal"] {
  const { give, find } = signalStatements(database.tables);

  async function whyNot(signals: readonly NewSignal[]): Promise<SignalResult[]> {
    if (signals.length === 0) return [];
    return (await database.run<[why: SignalResult]>(find, placesOf(signals))).map(([why]) => why);
  }

  return async ({ signals }) => {
    if (signals.length === 0) return [];
    const rows = await database.run<GivenRow>(give, [
      ...placesOf(signals),
      binaryArrays.json(signals.map(({ payload }) => payload)),
      binaryArrays.text(signals.map(({ by }) => by ?? null)),
      database.offsetMs,
    ]);
    const woken = rows.map(writtenRow);
    hints.available(queuesOf(woken));
    hints.moved(woken.map(movedOf));
    const accepted = new Set(rows.map((row) => row[6]));
    const places = signals.map((_, n) => String(n + 1));
    const why = await whyNot(signals.filter((_, n) => !accepted.has(places[n]!)));
    return places.map((place) => (accepted.has(place) ? "accepted" : why.shift()!));
  };
}

function placesOf(signals: readonly NewSignal[]): unknown[] {
  return [
    binaryArrays.uuid(signals.map(({ runId }) => runId)),
    binaryArrays.text(signals.map(({ name }) => name)),
    binaryArrays.text(signals.map(({ signalId }) => signalId)),
  ];
}

function signalStatements(tables: Tables): { give: Statement; find: Statement } {
  const { signals, runs } = tables;
  const said = "said (run_id, name, signal_id";
  // LIMIT keeps the planner from reading the whole table for a list of unknown length.
  const known = `(SELECT true FROM ${signals} AS g
      WHERE g.run_id = said.run_id AND g.name = said.name AND g.signal_id = said.signal_id LIMIT 1
    )`;
  return {
    // A signal is written where its run's row was, in the order in which that row was: so the numbers of a run's signals are
    // in the order of their commits. Two that are the same and come at once wake the run twice, and are one.
    give: {
      text: `WITH said AS (
          SELECT DISTINCT ON (run_id, name, signal_id) * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::json[], $5::text[])
            WITH ORDINALITY AS ${said}, payload, sent_by, n)
          ORDER BY run_id, name, signal_id, n
        ), fresh AS MATERIALIZED (
          SELECT * FROM said WHERE ${known} IS NULL
        ), woken AS (
          ${wakeById(tables, "ARRAY(SELECT DISTINCT run_id FROM fresh ORDER BY run_id)", 6)}
        ), given AS (
          INSERT INTO ${signals} (run_id, name, signal_id, payload, sent_at, sent_by)
          SELECT run_id, name, signal_id, payload, statement_timestamp() + $6::float8 * ${MS}, sent_by
          FROM fresh JOIN woken ON woken.id = fresh.run_id ORDER BY n
          ON CONFLICT DO NOTHING RETURNING run_id, name, signal_id
        )
        SELECT ${WRITTEN}, queue, n::text FROM given JOIN fresh USING (run_id, name, signal_id) JOIN woken ON woken.id = run_id`,
    },
    // Whoever sends again what a run has had is told so, also when that has ended since.
    find: {
      text: `SELECT CASE WHEN ${known} THEN 'duplicate'
          WHEN (SELECT true FROM ${runs} AS r WHERE r.id = said.run_id LIMIT 1) THEN 'settled' ELSE 'not_found' END
        FROM unnest($1::uuid[], $2::text[], $3::text[]) WITH ORDINALITY AS ${said}, n) ORDER BY n`,
    },
  };
}
