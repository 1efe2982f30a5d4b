import { expect, test } from "vitest";
import { expectEachSettledOnce, killAtEach, STORES, workOff } from "./each-statement.ts";
import { booking } from "./lives/settle-in.ts";

test.each(STORES)(
  "%s: a process is killed after each statement of a job that settles in a transaction: both its write and its end are there, or neither",
  { timeout: 240_000 },
  async (_, open) => {
    /** How the kills left the job. */
    const left = new Set<string>();
    const statements = await killAtEach(open, {
      life: "./lives/settle-in.ts",
      prepare: async (_place, database) => void (await database.query("CREATE TABLE effects (n int)")),
      check: async (remains) => {
        const { database, why, lines, place } = remains;
        const written = async (): Promise<number> => (await database.query("SELECT n FROM effects")).length;
        const jobs = (): Promise<Record<string, unknown>[]> =>
          database.query("SELECT status, output, attempts FROM forge_jobs");
        const [before] = await jobs();
        expect(await written(), `writes ${why}`).toBe(before?.["status"] === "completed" ? 1 : 0);
        left.add(String(before?.["status"]));
        const said = await lines();
        await workOff(booking(place).forge, remains);
        const after = await jobs();
        expect(after.length, `jobs ${why}`).toBe(before === undefined ? 0 : 1);
        for (const { status, output, attempts } of after) {
          const isBooked = JSON.stringify(output).includes("booked");
          expect({ status, attempts, isBooked }, why).toEqual({ status: "completed", attempts: 1, isBooked: true });
        }
        expect(await written(), `writes in the end ${why}`).toBe(after.length);
        await expectEachSettledOnce(remains);
        // A job that has completed does not run again; one that has not does.
        const runsAfter = (await lines()).length - said.length;
        expect(runsAfter > 0, `runs after the kill ${why}`).toBe(
          before !== undefined && before["status"] !== "completed",
        );
      },
    });
    expect(statements).toBeGreaterThan(8);
    expect([...left]).toEqual(expect.arrayContaining(["undefined", "completed"]));
    expect(left.size).toBeGreaterThan(2);
  },
);
