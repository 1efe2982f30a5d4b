import { expect, type Page, test } from "@playwright/test";
import { demoOfFile } from "./support/demo.ts";
import { FRAMEWORKS, jobInAddress, openPage, type RunPanel, verificationPanel } from "./support/panel.ts";

const demo = demoOfFile(10);

/** Starts a verification and waits until it waits for the click. */
async function startWaiting(page: Page, email = "ada@example.com"): Promise<RunPanel> {
  const panel = verificationPanel(page);
  await panel.root.getByLabel("E-mail address").fill(email);
  await panel.button("Send the mail").click();
  await expect(panel.word).toHaveText("Waiting");
  return panel;
}

for (const framework of FRAMEWORKS) {
  test.describe(framework, () => {
    test("a click on the link in the mail confirms the address, and the page sees it happen", async ({ page }) => {
      await openPage(page, demo().url, framework);
      const { root, word, step, expectSteps } = await startWaiting(page, "zoe@example.org");
      await expect(
        root.getByText("Waiting for the click on the link in the mail, for 24 hours at most.", { exact: true }),
      ).toBeVisible();
      await expectSteps([
        ["Make up a token", "Done"],
        ["Store the account", "Done"],
        ["Send the mail", "Done"],
        ["Wait for the click on the link", "Waiting"],
        ["Confirm the account", "To come"],
      ]);
      await expect(step("link_clicked")).toHaveAttribute("aria-current", "step");

      const mail = root.getByRole("article", { name: "Please confirm your address" });
      await expect(mail).toContainText("zoe@example.org");
      const [opened] = await Promise.all([page.waitForEvent("popup"), mail.getByRole("link").click()]);
      await expect(opened.getByRole("heading", { name: "Thank you" })).toBeVisible();
      await expect(opened.getByText("zoe@example.org is confirmed.")).toBeVisible();

      await expect(word).toHaveText("Done");
      await expect(root.getByText("zoe@example.org is confirmed.")).toBeVisible();
      await expect(step("confirm_account").locator(".state")).toHaveText("Done");
      await expect(root.getByRole("button", { name: "24 hours forward" })).toHaveCount(0);
    });

    test("nobody clicks: when the clock has moved a day, the account is removed", async ({ page }) => {
      await openPage(page, demo().url, framework);
      const { root, button, word, expectSteps } = await startWaiting(page);
      await button("24 hours forward").click();
      await expect(word).toHaveText("Done");
      await expect(
        root.getByText("ada@example.com was not confirmed within 24 hours, so the account was removed."),
      ).toBeVisible();
      await expect(root.getByText(/^The demo’s clock is \d+ hours ahead\.$/)).toBeVisible();
      await expectSteps([
        ["Make up a token", "Done"],
        ["Store the account", "Done"],
        ["Send the mail", "Done"],
        ["Wait for the click on the link", "Done"],
        ["Confirm the account", "Skipped"],
        ["Remove the account", "Done"],
      ]);
      const [opened] = await Promise.all([page.waitForEvent("popup"), root.locator(".mail a").click()]);
      await expect(opened.getByRole("heading", { name: "This link does not work" })).toBeVisible();
    });

    test("a reload finds the run that waits, with its mail, and it can be cancelled", async ({ page }) => {
      await openPage(page, demo().url, framework);
      await startWaiting(page);
      const id = jobInAddress(page, "verification");
      const runs = demo().count("forge_runs");
      await page.reload();
      const { root, button, word, step } = verificationPanel(page);
      await expect(word).toHaveText("Waiting");
      await expect(root.locator(".mail a")).toBeVisible();
      expect(jobInAddress(page, "verification")).toBe(id);
      expect(demo().count("forge_runs")).toBe(runs);

      await button("Cancel").click();
      await expect(word).toHaveText("Cancelled");
      await expect(root.getByText("cancelled by user")).toBeVisible();
      await expect(step("link_clicked").locator(".state")).toHaveText("Skipped");
      await button("Start another").click();
      await expect(button("Send the mail")).toBeVisible();
      expect(jobInAddress(page, "verification")).toBeNull();
    });

    test("an address that the server refuses never becomes a run, and the sentence says why", async ({ page }) => {
      await openPage(page, demo().url, framework);
      const { root, button, word } = verificationPanel(page);
      await root.getByLabel("E-mail address").fill("ada@localhost");
      await button("Send the mail").click();
      await expect(word).toHaveText("Refused");
      await expect(root.getByText(/account_verification.*email/)).toBeVisible();
      expect(jobInAddress(page, "verification")).toBeNull();
      await button("Start another").click();
      await expect(button("Send the mail")).toBeVisible();
    });

    test("a run of another browser is not found", async ({ page, browser }) => {
      await openPage(page, demo().url, framework);
      await startWaiting(page);
      const id = jobInAddress(page, "verification");
      const context = await browser.newContext();
      const stranger = await context.newPage();
      await openPage(stranger, demo().url, framework, `?verification=${id}`);
      const { root, word } = verificationPanel(stranger);
      await expect(word).toHaveText("Not found");
      await expect(root.getByText("This run does not exist, or another browser started it.")).toBeVisible();
      await context.close();
    });

    test("screen readers hear each status, what is waited for, and each step that ends", async ({ page }) => {
      await openPage(page, demo().url, framework);
      await page.evaluate(() => {
        const said: string[] = [];
        Object.assign(globalThis, { said });
        const live = document.querySelector("[aria-live]")!;
        new MutationObserver(() => said.push(live.textContent ?? "")).observe(live, {
          subtree: true,
          childList: true,
          characterData: true,
        });
      });
      const { root, word } = await startWaiting(page);
      const [opened] = await Promise.all([page.waitForEvent("popup"), root.locator(".mail a").click()]);
      await expect(word).toHaveText("Done");
      await opened.close();
      const said = await page.evaluate(() => (globalThis as unknown as { said: string[] }).said);
      expect(said.filter((one, index) => one === said[index - 1])).toEqual([]);
      expect(said.length).toBeLessThanOrEqual(12);
      for (const done of [1, 2]) expect(said).toContain(`Verify an address: Running, ${done} of 5 steps done`);
      expect(said).toContain("Verify an address: Waiting, for the click on the link in the mail, for 24 hours at most");
      expect(said.at(-1)).toBe("Verify an address: Done");
    });
  });
}
