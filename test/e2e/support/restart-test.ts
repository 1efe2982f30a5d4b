import { expect, test } from "@playwright/test";
import { setTimeout as sleep } from "node:timers/promises";
import { newDemo } from "./demo.ts";
import { expectProgress, exportPanel, FRAMEWORKS, openPage } from "./panel.ts";

const DOWN_MS = 20_000;
const SLOW_MS = 1_000;
const QUICK_MS = 10;

/**
 * Stops the server for 20 s while both pages watch a job of theirs, and starts it again.
 *
 * The sleep is what is tested: clients back off further the longer a server is away.
 */
export function restartTest(signal: "SIGTERM" | "SIGKILL"): void {
  test(`a server that is gone for 20 s by ${signal} leaves both pages with the true end, without a reload`, async ({
    browser,
  }) => {
    test.setTimeout(150_000);
    await using demo = await newDemo();
    await demo.start(SLOW_MS);
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
      watchers.push({ page, panel, context, loads: () => loads });
    }

    await demo.stop(signal);
    for (const { panel } of watchers) {
      await expect(panel.root.getByText("The server cannot be reached; trying again")).toBeVisible();
      await expect(panel.word).not.toHaveText("Failed");
    }
    await sleep(DOWN_MS);
    await demo.start(QUICK_MS);

    for (const { page, panel, context, loads } of watchers) {
      await expect(panel.word).toHaveText("Done", { timeout: 60_000 });
      const [download] = await Promise.all([page.waitForEvent("download"), panel.link("Download users.csv").click()]);
      expect(await download.failure()).toBeNull();
      expect(loads()).toBe(1);
      await context.close();
    }
    expect(demo.count("forge_jobs")).toBe(watchers.length);
  });
}
