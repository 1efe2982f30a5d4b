import { expect, test } from "@playwright/test";
import { newDemo } from "./support/demo.ts";
import { FRAMEWORKS, openPage, verificationPanel } from "./support/panel.ts";

const PACE_MS = 10;

for (const signal of ["SIGTERM", "SIGKILL"] as const) {
  test(`a server that goes by ${signal} while runs wait finds them waiting, and the links in their mails work`, async ({
    browser,
  }) => {
    test.setTimeout(120_000);
    await using demo = await newDemo();
    await demo.start(PACE_MS);
    const watchers = [];
    for (const framework of FRAMEWORKS) {
      const context = await browser.newContext();
      const page = await context.newPage();
      let loads = 0;
      page.on("load", () => loads++);
      await openPage(page, demo.url, framework);
      const panel = verificationPanel(page);
      await panel.button("Send the mail").click();
      await expect(panel.root.locator(".mail a")).toBeVisible();
      watchers.push({ page, panel, context, loads: () => loads });
    }

    await demo.stop(signal);
    for (const { panel } of watchers) {
      await expect(panel.root.getByText("The server cannot be reached; trying again")).toBeVisible();
      await expect(panel.word).toHaveText("Waiting");
    }
    await demo.start(PACE_MS);

    for (const { page, panel, context, loads } of watchers) {
      const [opened] = await Promise.all([page.waitForEvent("popup"), panel.root.locator(".mail a").click()]);
      await expect(opened.getByText("ada@example.com is confirmed.")).toBeVisible();
      await expect(panel.word).toHaveText("Done", { timeout: 60_000 });
      await expect(panel.step("confirm_account").locator(".state")).toHaveText("Done");
      expect(loads()).toBe(1);
      await context.close();
    }
    expect(demo.count("demo_accounts WHERE confirmed = 1")).toBe(watchers.length);
  });
}
