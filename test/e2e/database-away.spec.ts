import { expect, test } from "@playwright/test";
import { startPostgres } from "../support/postgres.ts";
import { newDemo } from "./support/demo.ts";
import { expectProgress, exportPanel, FRAMEWORKS, openPage } from "./support/panel.ts";

test("a database that is gone for a while is said on both pages, which show the true end once it is back", async ({
  browser,
}) => {
  test.setTimeout(150_000);
  await using postgres = await startPostgres(18, { settings: { fsync: "off" } });
  await using demo = await newDemo({ databaseUrl: postgres.url });
  await demo.start(300);
  const watchers = [];
  for (const framework of FRAMEWORKS) {
    const context = await browser.newContext();
    const page = await context.newPage();
    let loads = 0;
    page.on("load", () => loads++);
    await openPage(page, demo.url, framework);
    const panel = exportPanel(page);
    await panel.button("Start export").click();
    await expectProgress(panel.bar, 2);
    watchers.push({ panel, context, loads: () => loads });
  }

  await postgres.shutdown();
  for (const { panel } of watchers) {
    await expect(panel.root.getByText("The database does not answer; this is the last known state")).toBeVisible({
      timeout: 30_000,
    });
    await expect(panel.word).not.toHaveText("Failed");
  }
  await postgres.start();

  for (const { panel, context, loads } of watchers) {
    await expect(panel.word).toHaveText("Done", { timeout: 90_000 });
    await expect(panel.link("Download users.csv")).toBeVisible();
    expect(loads()).toBe(1);
    await context.close();
  }
});
