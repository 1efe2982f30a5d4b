import { expect, test } from "@playwright/test";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { demoOfFile } from "./support/demo.ts";
import { expectProgress, exportPanel, FRAMEWORKS, jobInAddress, openPage, recordProgress } from "./support/panel.ts";

const demo = demoOfFile(15);

for (const framework of FRAMEWORKS) {
  test.describe(framework, () => {
    test("an export runs, its bar only rises, and the file holds all users", async ({ page }) => {
      await openPage(page, demo().url, framework);
      const { root, button, bar, word, link } = exportPanel(page);
      const progress = await recordProgress(page);
      await button("Start export").click();
      await expect(word).toHaveText("Running");
      await expectProgress(bar, 1);
      await expect(root.getByText(/Wrote [\d,]+ of 100,000 users/)).toBeVisible();
      await expect(root.getByText("Live", { exact: true })).toBeVisible();

      await expect(word).toHaveText("Done", { timeout: 60_000 });
      const seen = (await progress()).filter((value) => value !== null);
      expect(seen.length).toBeGreaterThan(5);
      expect(seen).toEqual(seen.toSorted((a, b) => a - b));
      expect(seen.at(-1)).toBe(100);

      const [download] = await Promise.all([page.waitForEvent("download"), link("Download users.csv").click()]);
      expect(download.suggestedFilename()).toBe("users.csv");
      const lines = (await readFile(await download.path(), "utf8")).trimEnd().split("\r\n");
      expect(lines).toHaveLength(100_001);
      expect(lines[0]).toBe("id,name,email,city,country,plan,createdAt");
      expect(lines.at(-1)).toMatch(/^100000,/);
    });

    test("an export as JSON holds all users", async ({ page }) => {
      await openPage(page, demo().url, framework);
      const { root, button, word, link } = exportPanel(page);
      await root.getByRole("radio", { name: "JSON" }).check();
      await button("Start export").click();
      await expect(word).toHaveText("Done", { timeout: 60_000 });
      const [download] = await Promise.all([page.waitForEvent("download"), link("Download users.json").click()]);
      expect(JSON.parse(await readFile(await download.path(), "utf8"))).toHaveLength(100_000);
    });

    test("a cancelled export says so, and runs when it is tried again", async ({ page }) => {
      await openPage(page, demo().url, framework);
      const { root, button, bar, word } = exportPanel(page);
      await button("Start export").click();
      await expectProgress(bar, 5);
      await button("Cancel").click();
      await expect(word).toHaveText("Cancelled");
      await expect(root.getByText("cancelled by user")).toBeVisible();
      const id = jobInAddress(page);
      await button("Try again").click();
      await expect(word).toHaveText("Done", { timeout: 60_000 });
      expect(jobInAddress(page)).toBe(id);
    });

    test("a flaky export is seen to try again, says that it started over, and completes", async ({ page }) => {
      await openPage(page, demo().url, framework);
      const { root, button, word } = exportPanel(page);
      await root.getByRole("checkbox").check();
      await button("Start export").click();
      for (const users of ["34,000", "67,000"]) {
        await expect(word).toHaveText("Trying again");
        await expect(root.getByText(`The connection to the file store broke after ${users} users.`)).toBeVisible();
        await expect(word).toHaveText("Running");
        await expect(root.getByText(/^Started over\./)).toBeVisible();
      }
      await expect(word).toHaveText("Done", { timeout: 60_000 });
    });

    test("a failed export tells no internals, and can be tried again", async ({ page }) => {
      await openPage(page, demo().url, framework);
      const { root, button, word } = exportPanel(page);
      const downloads = join(demo().dataDir, "downloads");
      await rm(downloads, { recursive: true, force: true });
      await writeFile(downloads, "in the way");
      await button("Start export").click();
      await expect(word).toHaveText("Failed", { timeout: 60_000 });
      await expect(root.getByText(/^The job failed \(….{8}\)$/)).toBeVisible();
      await rm(downloads);
      await button("Try again").click();
      await expect(word).toHaveText("Done", { timeout: 60_000 });
    });

    test("a reload finds the job that runs, and starts none", async ({ page }) => {
      await openPage(page, demo().url, framework);
      const { button, bar, word } = exportPanel(page);
      await button("Start export").click();
      await expectProgress(bar, 10);
      const id = jobInAddress(page);
      const jobs = demo().count("forge_jobs");
      await page.reload();
      await expectProgress(bar, 10);
      await expect(word).toHaveText("Done", { timeout: 60_000 });
      expect(jobInAddress(page)).toBe(id);
      expect(demo().count("forge_jobs")).toBe(jobs);
    });

    test("back leads to the form, forward to the job, and another start to another job", async ({ page }) => {
      await openPage(page, demo().url, framework);
      const { button, word, link } = exportPanel(page);
      await button("Start export").click();
      await expect(word).toHaveText("Done", { timeout: 60_000 });
      const id = jobInAddress(page);
      await page.goBack();
      await expect(button("Start export")).toBeVisible();
      expect(jobInAddress(page)).toBeNull();
      await page.goForward();
      await expect(link("Download users.csv")).toBeVisible();
      expect(jobInAddress(page)).toBe(id);
      await button("Start another").click();
      await button("Start export").click();
      await expect.poll(() => jobInAddress(page)).not.toBeNull();
      expect(jobInAddress(page)).not.toBe(id);
    });

    for (const [what, id, word, sentence] of [
      [
        "an unknown id",
        "0197a3c4-5e6f-7a8b-9c0d-1e2f3a4b5c6d",
        "Not found",
        "This job does not exist, or another browser started it.",
      ],
      ["no id at all", "x%20y", "Refused", "x y is no job id."],
    ] as const) {
      test(`an address with ${what} says so, and leads back to the form`, async ({ page }) => {
        await openPage(page, demo().url, framework, `?job=${id}`);
        const panel = exportPanel(page);
        await expect(panel.word).toHaveText(word);
        await expect(panel.root.getByText(sentence)).toBeVisible();
        await expect(panel.button("Try again")).toHaveCount(0);
        await panel.button("Start another").click();
        await expect(panel.button("Start export")).toBeVisible();
        expect(jobInAddress(page)).toBeNull();
      });
    }
  });
}
