import { describe, expect, test } from "vitest";
import { until } from "../../../test/support/until.ts";
import { startDemoServer } from "../src/demo-server.ts";
import { accountVerification } from "../src/workflows/account-verification.ts";
import { bookTrip } from "../src/workflows/book-trip.ts";
import { type Browser, openBrowser } from "./support/browser.ts";
import { DATABASES, testDatabase } from "./support/databases.ts";
import { settingsFor, silent, startWorld, type World } from "./support/world.ts";

const EMAIL = "ada@example.com";

interface Beside {
  readonly mails: readonly { readonly subject: string; readonly to: string; readonly text: string }[];
  readonly clockAheadHours: number;
}

/** Starts a verification for the browser, and answers its id once it waits for the click. */
async function waitingRun({ server, browser }: Pick<World, "server" | "browser">): Promise<string> {
  const owner = browser.cookie.slice(browser.cookie.indexOf("=") + 1);
  const id = await server.forge.startWorkflow(accountVerification, { email: EMAIL }, { owner });
  await until(async () => (await server.forge.workflows.get(id))?.status === "waiting", { what: "the run to wait" });
  return id;
}

async function beside(browser: Browser, id: string): Promise<Beside> {
  const { data } = (await (await browser.get(`/verifications/${id}`)).json()) as { data: Beside };
  return data;
}

async function linkOf(browser: Browser, id: string): Promise<string> {
  const [mail] = (await beside(browser, id)).mails;
  return /http:\S+/.exec(mail!.text)![0];
}

describe.for(DATABASES)("on %s", (name) => {
  test("a click on the mail's link, in any browser, confirms the account", async () => {
    await using world = await startWorld(name, { users: 0 });
    const id = await waitingRun(world);
    const { mails } = await beside(world.browser, id);
    expect(mails).toMatchObject([{ subject: "Please confirm your address", to: EMAIL }]);
    const link = await linkOf(world.browser, id);
    expect(link).toMatch(new RegExp(`^${world.server.url}/verify/${id}/[\\w-]{43}$`));

    const page = await fetch(link);
    expect(page.status).toBe(200);
    expect(await page.text()).toContain(`${EMAIL} is confirmed.`);
    expect(await world.server.forge.workflows.get(id)).toMatchObject({
      status: "completed",
      output: { email: EMAIL, verified: true },
    });
    expect(await world.database.query("SELECT email, confirmed FROM demo_accounts")).toEqual([
      { email: EMAIL, confirmed: 1 },
    ]);
    // A second click says the same.
    expect((await fetch(link)).status).toBe(200);
  });

  test("without a click, the account is gone when the clock has moved a day, and the link works no more", async () => {
    await using world = await startWorld(name, { users: 0 });
    const id = await waitingRun(world);
    const link = await linkOf(world.browser, id);
    const moved = await world.browser.post(`/verifications/${id}/forward`, {});
    expect(await moved.json()).toMatchObject({ success: true, data: { clockAheadHours: 24 } });
    const run = await world.server.forge.workflows.wait(id);
    expect(run).toMatchObject({ status: "completed", output: { email: EMAIL, verified: false } });
    expect(run.steps.at(-1)).toMatchObject({ name: "remove_account", status: "completed" });
    expect(await world.database.count("demo_accounts")).toBe(0);
    expect((await fetch(link)).status).toBe(404);
    expect((await world.browser.post(`/verifications/${id}/forward`, {})).status).toBe(409);
  });

  test("a restart during the wait changes nothing, and the clock stays where it was moved to", async () => {
    await using database = await testDatabase(name);
    const settings = await settingsFor(database);
    const first = await startDemoServer(settings, { users: 0, logger: silent });
    const firstBrowser = await openBrowser(first.url);
    const expired = await waitingRun({ server: first, browser: firstBrowser });
    await firstBrowser.post(`/verifications/${expired}/forward`, {});
    await first.forge.workflows.wait(expired);
    const id = await waitingRun({ server: first, browser: firstBrowser });
    const link = new URL(await linkOf(firstBrowser, id));
    await first.close();

    const second = await startDemoServer(settings, { users: 0, logger: silent });
    try {
      const page = await fetch(second.url + link.pathname);
      expect(page.status).toBe(200);
      const run = await second.forge.workflows.get(id);
      expect(run).toMatchObject({ status: "completed", output: { verified: true } });
      const aheadMs = run!.endedAt!.getTime() - Date.now();
      expect(aheadMs / 3_600_000).toBeCloseTo(24, 0);
    } finally {
      await second.close();
    }
  });

  test("a trip without a car cancels its two bookings, the last one first", async () => {
    await using world = await startWorld(name, { users: 0 });
    const id = await world.server.forge.startWorkflow(bookTrip, { carsLeft: false });
    const run = await world.server.forge.workflows.wait(id);
    expect(run).toMatchObject({ status: "compensated", publicError: "No car is left on that day." });
    expect(run.steps.map((step) => `${step.name} ${step.status}`)).toEqual([
      "book_flight compensated",
      "book_hotel compensated",
      "book_car failed",
      "~book_hotel completed",
      "~book_flight completed",
    ]);
    const bookings = await world.database.query("SELECT kind, cancelled FROM demo_bookings ORDER BY kind");
    expect(bookings).toEqual([
      { kind: "flight", cancelled: 1 },
      { kind: "hotel", cancelled: 1 },
    ]);
  });
});

test("a trip with a car keeps its three bookings", async () => {
  await using world = await startWorld("SQLite", { users: 0 });
  const id = await world.server.forge.startWorkflow(bookTrip, {});
  const { status, output } = await world.server.forge.workflows.wait(id);
  expect({ status, output }).toEqual({
    status: "completed",
    output: {
      flight: expect.stringMatching(/^FLIGHT-/),
      hotel: expect.stringMatching(/^HOTEL-/),
      car: expect.stringMatching(/^CAR-/),
    },
  });
  expect(await world.database.count("demo_bookings WHERE cancelled = 0")).toBe(3);
});

test("another browser can neither read the mailbox of a run nor move the clock by it", async () => {
  await using world = await startWorld("SQLite", { users: 0 });
  const id = await waitingRun(world);
  const other = await world.anotherBrowser();
  for (const response of [
    await other.get(`/verifications/${id}`),
    await other.post(`/verifications/${id}/forward`, {}),
    await world.browser.get("/verifications/0197a3c4-5e6f-7a8b-9c0d-1e2f3a4b5c6d"),
    await world.browser.get("/verifications/nonsense"),
  ]) {
    expect(response.status).toBe(404);
    expect(await response.json()).toMatchObject({ success: false, error: { code: "NOT_FOUND" } });
  }
  expect((await beside(world.browser, id)).clockAheadHours).toBe(0);
});

test("neither a wrong token nor HEAD, by which scanners look at links, is a click", async () => {
  await using world = await startWorld("SQLite", { users: 0 });
  const id = await waitingRun(world);
  const link = await linkOf(world.browser, id);
  expect((await fetch(link, { method: "HEAD" })).status).toBe(404);
  for (const path of [`/verify/${id}/${"A".repeat(43)}`, `/verify/${id}/x`, "/verify/nonsense/x"]) {
    const response = await fetch(world.server.url + path);
    expect(response.status, path).toBe(404);
    expect(await response.text(), path).toContain("This link does not work");
  }
  expect(await world.server.forge.workflows.get(id)).toMatchObject({ status: "waiting" });
});
