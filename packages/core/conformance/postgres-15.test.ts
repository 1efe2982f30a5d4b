import { afterAll, inject } from "vitest";
import { describeStore } from "./with-vitest.ts";
import { POSTGRES, PostgresWorlds } from "./open-postgres.ts";

const worlds = new PostgresWorlds(inject("postgres")[15]);
afterAll(worlds.close);
describeStore("PostgreSQL 15", worlds.open, POSTGRES);
