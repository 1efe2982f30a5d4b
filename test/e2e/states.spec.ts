import { expect, test } from "@playwright/test";
import { RUN_SAMPLES } from "../../apps/demo-shared/src/run-samples.ts";
import { SAMPLES } from "../../apps/demo-shared/src/samples.ts";
import { demoOfFile } from "./support/demo.ts";
import { FRAMEWORKS, openPage } from "./support/panel.ts";

const demo = demoOfFile(0);

for (const framework of FRAMEWORKS) {
  test(`${framework}: every state is shown with its icon and its word`, async ({ page }) => {
    await openPage(page, demo().url, framework, "states");
    for (const { id, view } of [...SAMPLES, ...RUN_SAMPLES]) {
      const job = page.locator(`#state-${id} .job`);
      await expect(job).toHaveAttribute("data-status", view.status);
      await expect(job.locator(".word svg")).toBeVisible();
      await expect(job.locator(".word")).toHaveText(/\w/);
    }
    await expect(page.locator(".steps li")).toHaveCount(RUN_SAMPLES.flatMap(({ view }) => view.steps).length);
    for (const step of await page.locator(".steps li").all()) await expect(step.locator("svg")).toBeVisible();
    const states = await page.locator(".steps .state").allInnerTexts();
    expect(new Set(states)).toEqual(new Set(["To come", "Running", "Waiting", "Done", "Failed", "Undone", "Skipped"]));
    const words = await page.locator(".word").allInnerTexts();
    expect(new Set(words)).toEqual(
      new Set([
        "Queued",
        "Undoing",
        "Undone",
        "Waiting",
        "Starting",
        "Running",
        "Trying again",
        "Cancelling",
        "Done",
        "Failed",
        "Given up",
        "Cancelled",
        "Not found",
        "Refused",
        "Sending",
        "Loading",
      ]),
    );
  });

  test(`${framework}: no state is wider than a phone`, async ({ page }) => {
    for (const width of [320, 390, 1280]) {
      await page.setViewportSize({ width, height: 900 });
      for (const path of ["", "states"]) {
        await openPage(page, demo().url, framework, path);
        const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        expect(overflow, `${width} px ${path}`).toBeLessThanOrEqual(0);
      }
    }
  });
}

test("both frameworks show the same words in the same places", async ({ page }) => {
  const texts = [];
  for (const framework of FRAMEWORKS) {
    await openPage(page, demo().url, framework, "states");
    texts.push((await page.getByRole("main").innerText()).replaceAll(/\s+/g, " "));
  }
  expect(texts[0]).toBe(texts[1]);
});
