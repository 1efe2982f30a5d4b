import { afterAll, inject } from "vitest";
import { describeStore } from "./with-vitest.ts";
import { POSTGRES, PostgresWorlds } from "./open-postgres.ts";

const worlds = new PostgresWorlds(inject("postgres")[18]);
afterAll(worlds.close);
describeStore("PostgreSQL 18", worlds.open, POSTGRES);
