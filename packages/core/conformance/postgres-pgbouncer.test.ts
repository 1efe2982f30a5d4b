import { afterAll, inject, test } from "vitest";
import { findPgbouncer, startPgbouncer } from "../../../test/support/pgbouncer.ts";
import { describeStore } from "./describe-store.ts";
import { POOLED_POSTGRES, PostgresWorlds } from "./open-postgres.ts";

const NAME = "PostgreSQL 18 behind PgBouncer in transaction mode";

async function describePooled(program: string): Promise<void> {
  const server = inject("postgres")[18];
  const pooler = await startPgbouncer(program, server);
  const worlds = new PostgresWorlds(server, { through: pooler.through });
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
await (program === undefined ? skip() : describePooled(program));
