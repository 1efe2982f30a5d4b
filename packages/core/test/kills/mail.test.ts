import { expect, test } from "vitest";
import { startMailServer } from "../support/mail-server.ts";
import { expectEachSettledOnce, killAtEach, type Remains, STORES, workOff } from "./each-statement.ts";
import { mailer } from "./lives/mail.ts";

/** Lets another process take over; answers the job, if there was one, and whether its dispatch was answered. */
async function mended(remains: Remains): Promise<{ id: string | null; answered: boolean }> {
  const { place, database, why } = remains;
  const [answered] = await remains.lines();
  await workOff(mailer(place), remains);
  const jobs = await database.query("SELECT id, status, attempts FROM forge_jobs");
  const id = jobs[0] === undefined ? null : String(jobs[0]["id"]);
  if (answered !== undefined) expect(id, why).toBe(answered);
  for (const { status, attempts } of jobs)
    expect({ status, attempts }, why).toEqual({ status: "completed", attempts: 1 });
  expect(jobs.length, why).toBeLessThanOrEqual(1);
  await expectEachSettledOnce(remains);
  return { id, answered: answered !== undefined };
}

test.each(STORES)(
  "%s: a process is killed after each statement of a mail's job: it goes out, at most twice under one Message-ID, and ends once",
  { timeout: 240_000 },
  async (_, open) => {
    await using server = await startMailServer();
    const sent = (id: string): number =>
      server.mails.filter(({ headers }) => headers.get("message-id") === `<${id}@shop.example>`).length;
    let jobs = 0;
    const statements = await killAtEach(open, {
      life: "./lives/mail.ts",
      smtp: server.url,
      check: async (remains) => {
        const { id } = await mended(remains);
        if (id === null) return;
        jobs++;
        expect(sent(id), `mails ${remains.why}`).toBeGreaterThanOrEqual(1);
        expect(sent(id), `mails ${remains.why}`).toBeLessThanOrEqual(2);
      },
    });
    expect(statements).toBeGreaterThan(3);
    expect(jobs).toBeGreaterThan(2);
    // No mail of a job that was not committed.
    expect(new Set(server.mails.map(({ headers }) => headers.get("message-id"))).size).toBe(jobs);
  },
);
