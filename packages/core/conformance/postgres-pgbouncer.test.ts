import { afterAll, beforeAll, inject, test } from "vitest";
import { findPgbouncer, type Pgbouncer, startPgbouncer } from "../../../test/support/pgbouncer.ts";
import { describeStore } from "./with-vitest.ts";
import { POOLED_POSTGRES, PostgresWorlds } from "./open-postgres.ts";

const NAME = "PostgreSQL 18 behind PgBouncer in transaction mode";

function describePooled(program: string): void {
  const server = inject("postgres")[18];
  let pooler: Pgbouncer;
  const worlds = new PostgresWorlds(server, { through: (url) => pooler.through(url) });
  // Not as the file loads: where a filter leaves no test of it, nothing would stop the pooler.
  beforeAll(async () => {
    pooler = await startPgbouncer(program, server);
  });
  afterAll(async () => {
    await worlds.close();
    await pooler.stop();
  });
  describeStore(NAME, worlds.open, POOLED_POSTGRES);
}

/** One line in the list of what was skipped, in place of every case. */
function skip(): void {
  test.skipIf(true)(`${NAME}: this machine has no pgbouncer (apt install pgbouncer)`, () => {});
}

const program = findPgbouncer();
if (program === undefined) skip();
else describePooled(program);
