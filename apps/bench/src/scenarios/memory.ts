import { fork } from "node:child_process";
import { once } from "node:events";
import pg from "pg";
import { createDatabase } from "../../../../test/support/database.ts";
import { forgeOnPostgres } from "../forge.ts";
import type { Scenario } from "../scenario.ts";
import { BATCH } from "../settings.ts";
import { table } from "../table.ts";

const PENDING = 100_000;
const MILLION = 1_000_000;
const MIB = 1024 * 1024;

/** The heap of a worker process, after collecting garbage: beside a large backlog, and over a million jobs. */
export const memory: Scenario = {
  key: "memory",
  title: "memory of a worker",
  async run({ server, say }) {
    const database = await createDatabase(server.url);
    const session = await forgeOnPostgres(server.url).open({ url: database.url });
    const client = new pg.Client({ connectionString: database.url });
    await client.connect();
    const heapBeside = async (backlog: number): Promise<number> => {
      await session.dispatch(backlog, BATCH);
      // Due in an hour: a backlog that waits.
      await client.query(
        "UPDATE forge_live SET ready_at = now() + interval '1 hour', scheduled_at = now() + interval '1 hour'",
      );
      const child = fork(new URL("../memory-main.ts", import.meta.url), [database.url], {
        execArgv: ["--conditions=source", "--expose-gc"],
      });
      const [heap] = (await once(child, "message")) as [number];
      await once(child, "exit");
      return heap / MIB;
    };
    const empty = await heapBeside(0);
    const beside = await heapBeside(PENDING);
    say(`memory: ${empty.toFixed(1)} MiB, ${beside.toFixed(1)} MiB beside ${PENDING} pending jobs`);
    await client.query("DELETE FROM forge_live");
    await session.dispatch(MILLION, BATCH);
    const child = fork(new URL("../memory-main.ts", import.meta.url), [database.url, String(MILLION)], {
      execArgv: ["--conditions=source", "--expose-gc"],
    });
    const heaps: number[] = [];
    child.on("message", (heap: number) => {
      heaps.push(heap / MIB);
      say(`memory, after ${heaps.length} tenths of a million jobs: ${(heap / MIB).toFixed(1)} MiB`);
    });
    await once(child, "exit");
    await session.close();
    await client.end();
    await database.drop();
    const shown = (heap: number | undefined): string => `${(heap ?? Number.NaN).toFixed(1)} MiB`;
    return table(
      ["heap in use, after collecting garbage", "value"],
      [
        ["idle, nothing pending", shown(empty)],
        [`idle, ${PENDING.toLocaleString("en")} pending jobs`, shown(beside)],
        ["after 100,000 jobs", shown(heaps[0])],
        ["after 500,000 jobs", shown(heaps[4])],
        ["after 1,000,000 jobs", shown(heaps.at(-1))],
      ],
    );
  },
};
