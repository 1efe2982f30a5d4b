import type { WorkflowVerbs } from "../store.ts";
import { binaryArrays } from "./arrays.ts";
import type { Database, Tables } from "./database.ts";
import type { HintSink } from "./hints.ts";
import { createListRuns } from "./list-runs.ts";
import { createRunActs } from "./run-acts.ts";
import { createRuns } from "./runs.ts";
import type { Statement } from "./session.ts";
import { createSignal } from "./signals.ts";
import { createSteps } from "./steps.ts";
import { movedOf, type WrittenRow } from "./written-row.ts";

/** Makes the verbs over runs of workflows. */
export function createWorkflows(database: Database, hints: HintSink): WorkflowVerbs {
  const { undo, block } = changeStatements(database.tables);

  return {
    ...createSteps(database, hints),
    ...createRuns(database),
    ...createRunActs(database, hints),
    list: createListRuns(database),
    signal: createSignal(database, hints),

    async undo({ runs }) {
      if (runs.length === 0) return [];
      const rows = await database.run<WrittenRow>(undo, [
        binaryArrays.uuid(runs.map(({ id }) => id)),
        binaryArrays.int4(runs.map(({ claimNo }) => claimNo)),
        binaryArrays.text(runs.map(({ failure }) => failure.error)),
        binaryArrays.text(runs.map(({ failure }) => failure.errorName)),
        binaryArrays.text(runs.map(({ failure }) => failure.publicError)),
        binaryArrays.text(runs.map(({ endsAs }) => endsAs)),
      ]);
      hints.moved(rows.map(movedOf));
      const claims = new Map(rows.map(([id, , , , claimNo]) => [id, claimNo]));
      return runs.map(({ id, claimNo }) => claims.get(id) === claimNo);
    },

    async block({ run, why }) {
      const rows = await database.run<WrittenRow>(block, [
        binaryArrays.uuid([run.id]),
        binaryArrays.int4([run.claimNo]),
        why,
      ]);
      hints.moved(rows.map(movedOf));
      return rows.length > 0;
    },
  };
}

function changeStatements({ live, runs }: Tables): { undo: Statement; block: Statement } {
  // By id and not by place: a row that somebody has locked is waited for.
  const moved = `moved AS (
      UPDATE ${live} AS l SET revision = l.revision + 1 FROM said
      WHERE l.id = said.id AND l.claim_no = said.claim_no AND l.status IN ('claimed', 'running', 'cancel_requested')
        AND l.id = ANY ($1::uuid[])
      RETURNING l.id, l.revision, l.status, l.progress, l.claim_no
    )`;
  const changed = (set: string): string => `changed AS (
      UPDATE ${runs} AS r SET ${set} FROM said JOIN moved USING (id, claim_no) WHERE r.id = said.id AND r.id = ANY ($1::uuid[])
    )
    SELECT * FROM moved`;
  return {
    undo: {
      text: `WITH said AS (
          SELECT * FROM unnest($1::uuid[], $2::int4[], $3::text[], $4::text[], $5::text[], $6::text[])
            AS said (id, claim_no, error, error_name, public_error, ends_as)
        ), ${moved}, ${changed(`undo_error = said.error, undo_error_name = said.error_name,
          undo_public_error = said.public_error, ends_as = said.ends_as`)}`,
    },
    block: {
      text: `WITH said AS (SELECT * FROM unnest($1::uuid[], $2::int4[]) AS said (id, claim_no)),
        ${moved}, ${changed("blocked = $3::text")}`,
    },
  };
}
