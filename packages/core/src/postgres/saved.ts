import type { SavedVerbs } from "../store.ts";
import { binaryArrays } from "./arrays.ts";
import type { Database } from "./database.ts";
import type { Row, Statement } from "./session.ts";

/** Makes the verbs over what jobs saved. */
export function createSaved(database: Database): SavedVerbs {
  const { live, saved } = database.tables;
  const write: Statement = {
    // The lock keeps the row from being given to another run before this commits: that run would read what was saved
    // without it. In the order of the ids, as every statement locks that waits.
    text: `WITH said AS (
        SELECT * FROM unnest($1::uuid[], $2::int4[], $3::text[], $4::json[]) AS said (id, claim_no, key, value)
      ), held AS MATERIALIZED (
        SELECT row.* FROM (SELECT DISTINCT id, claim_no FROM said ORDER BY id) AS run, LATERAL (
          SELECT l.id, l.claim_no FROM ${live} AS l
          WHERE l.id = run.id AND l.claim_no = run.claim_no AND l.status IN ('claimed', 'running', 'cancel_requested')
          FOR NO KEY UPDATE
        ) AS row
      ), written AS (
        INSERT INTO ${saved} (job_id, key, value)
        SELECT id, key, value FROM said JOIN held USING (id, claim_no) ORDER BY id, key
        ON CONFLICT (job_id, key) DO UPDATE SET value = excluded.value
      )
      SELECT id, claim_no FROM held`,
  };
  const read: Statement = {
    text: `SELECT s.job_id, s.key, s.value::text FROM unnest($1::uuid[]) AS said (id), LATERAL (
        SELECT * FROM ${saved} WHERE job_id = said.id OFFSET 0
      ) AS s`,
  };

  return {
    async write({ values }) {
      if (values.length === 0) return [];
      // One statement cannot write a row twice.
      const last = [...new Map(values.map((value) => [`${runOf(value)} ${value.key}`, value])).values()];
      const rows = await database.run<Row & [id: string, claimNo: number]>(write, [
        binaryArrays.uuid(last.map(({ id }) => id)),
        binaryArrays.int4(last.map(({ claimNo }) => claimNo)),
        binaryArrays.text(last.map(({ key }) => key)),
        binaryArrays.json(last.map(({ value }) => value)),
      ]);
      const held = new Set(rows.map(([id, claimNo]) => runOf({ id, claimNo })));
      return values.map((value) => held.has(runOf(value)));
    },

    async read({ ids }) {
      if (ids.length === 0) return [];
      const rows = await database.run<Row & [string, string, string]>(read, [binaryArrays.uuid([...new Set(ids)])]);
      return rows.map(([id, key, value]) => ({ id, key, value }));
    },
  };
}

function runOf({ id, claimNo }: { readonly id: string; readonly claimNo: number }): string {
  return `${id} ${claimNo}`;
}
