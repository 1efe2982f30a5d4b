import type { CronRow, CronVerbs } from "../store.ts";
import { binaryArrays } from "./arrays.ts";
import type { Database } from "./database.ts";
import type { HintSink } from "./hints.ts";
import type { Row } from "./session.ts";
import { createTicks } from "./ticks.ts";

const MS = "interval '1 millisecond'";

/** The clock's row beside nulls, where no cron was found. */
type ReadRow = [
  now: number,
  name: string | null,
  expression: string,
  timezone: string,
  hash: string,
  catchUp: boolean,
  template: string,
  lastTick: number,
  pending: string,
  turn: number,
  tickJobId: string | null,
  busy: boolean,
  lastJobId: string | null,
  lastScheduledAt: number | null,
  skipped: number,
  lastSkippedAt: number | null,
  pausedAt: number | null,
  changedAt: number | null,
  changedBy: string | null,
  seenAt: number,
];

/** Makes the verbs over crons. Their table is tiny, so that nothing here needs an index or a bound. */
export function createCrons(database: Database, hints: HintSink): CronVerbs {
  const { crons, live } = database.tables;
  const now = (offset: string): string => `(statement_timestamp() + ${offset}::float8 * ${MS})`;
  // Whole, so that an instant comes back as it was written.
  const ms = (instant: string): string => `floor(date_part('epoch', ${instant}) * 1e3)`;
  const register = {
    // In one order for everybody: processes that start together would lock each other out.
    text: `INSERT INTO ${crons} AS c
        (name, expression, timezone, hash, catch_up, template, last_tick, seen_at, created_at)
      SELECT name, expression, timezone, hash, catch_up, template, ${now("$7")}, ${now("$7")}, ${now("$7")}
      FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::int2[]::int4[]::bool[], $6::json[])
        AS said (name, expression, timezone, hash, catch_up, template)
      ORDER BY name
      ON CONFLICT (name) DO UPDATE SET
        expression = excluded.expression, timezone = excluded.timezone, hash = excluded.hash,
        catch_up = excluded.catch_up, template = excluded.template, seen_at = excluded.seen_at,
        last_tick = CASE
          WHEN c.hash = excluded.hash THEN c.last_tick
          WHEN $8::bool THEN greatest(c.last_tick, c.seen_at)
          ELSE excluded.last_tick END,
        pending = CASE WHEN c.hash = excluded.hash THEN c.pending ELSE '[]' END,
        turn = c.turn + (c.hash <> excluded.hash)::int`,
  };
  const seen = {
    text: `WITH mine AS MATERIALIZED (
        SELECT c.name FROM ${crons} AS c JOIN unnest($1::text[], $2::text[]) AS said (name, hash) USING (name, hash)
        ORDER BY c.name FOR UPDATE OF c
      )
      UPDATE ${crons} AS c SET seen_at = ${now("$3")} FROM mine WHERE c.name = mine.name`,
  };
  const read = {
    text: `SELECT ${ms("clock.now")}, c.name, c.expression, c.timezone, c.hash, c.catch_up, c.template::text,
        ${ms("c.last_tick")}, c.pending::text, c.turn, c.tick_job_id, EXISTS (SELECT FROM ${live} AS l WHERE l.id = c.tick_job_id),
        c.last_job_id, ${ms("c.last_scheduled_at")}, c.skipped, ${ms("c.last_skipped_at")}, ${ms("c.paused_at")},
        ${ms("c.changed_at")}, c.changed_by, ${ms("c.seen_at")}
      FROM (SELECT ${now("$2")} AS now) AS clock
      LEFT JOIN ${crons} AS c ON $1::text[] IS NULL OR c.name = ANY ($1::text[])
      ORDER BY c.name`,
  };
  // What a data-modifying WITH did is not seen by the statement around it, so it tells of the row in both cases.
  const changing = (changes: string, condition: string): string => `
    WITH changed AS (
      UPDATE ${crons} SET ${changes}, changed_at = ${now("$3")}, changed_by = $2::text, turn = turn + 1
      WHERE name = $1 AND ${condition}
    )
    SELECT 1 FROM ${crons} WHERE name = $1`;
  const pause = { text: changing(`paused_at = ${now("$3")}`, "paused_at IS NULL") };
  const resume = {
    text: changing(
      `paused_at = NULL, last_tick = CASE WHEN catch_up THEN least(last_tick, ${now("$3")}) ELSE ${now("$3")} END,
        pending = CASE WHEN catch_up THEN pending ELSE '[]' END`,
      "paused_at IS NOT NULL",
    ),
  };

  return {
    async register({ crons: list, takeOver }) {
      const column = (name: "name" | "expression" | "timezone" | "hash"): unknown =>
        binaryArrays.text(list.map((cron) => cron[name]));
      const texts = [column("name"), column("expression"), column("timezone"), column("hash")];
      const catchUps = binaryArrays.int2(list.map(({ catchUp }) => Number(catchUp)));
      const templates = binaryArrays.json(list.map(({ template }) => template));
      await database.run(register, [...texts, catchUps, templates, database.offsetMs, takeOver]);
    },

    async seen({ crons: list }) {
      const values = [binaryArrays.text(list.map(({ name }) => name)), binaryArrays.text(list.map(({ hash }) => hash))];
      await database.run(seen, [...values, database.offsetMs]);
    },

    async read({ names }) {
      const values = [names === null ? null : binaryArrays.text(names), database.offsetMs];
      const rows = await database.run<Row & ReadRow>(read, values);
      return { now: rows[0]?.[0] ?? 0, crons: rows.flatMap(cronRow) };
    },

    ...createTicks(database, hints),

    async pause({ name, by }) {
      return (await database.run(pause, [name, by, database.offsetMs])).length > 0;
    },

    async resume({ name, by }) {
      return (await database.run(resume, [name, by, database.offsetMs])).length > 0;
    },
  };
}

function cronRow(row: ReadRow): CronRow[] {
  const [, name, expression, timezone, hash, catchUp, template, lastTick, pending, turn, tickJobId, busy, ...rest] =
    row;
  const [lastJobId, lastScheduledAt, skipped, lastSkippedAt, pausedAt, changedAt, changedBy, seenAt] = rest;
  if (name === null) return [];
  return [
    {
      name,
      expression,
      timezone,
      hash,
      catchUp,
      template,
      lastTick,
      pending: JSON.parse(pending) as number[],
      turn,
      tickJobId,
      busy,
      lastJobId,
      lastScheduledAt,
      skipped,
      lastSkippedAt,
      pausedAt,
      changedAt,
      changedBy,
      seenAt,
    },
  ];
}
