import { expect, type Page, test } from "@playwright/test";
import { demoOfFile } from "./support/demo.ts";
import { exportPanel, FRAMEWORKS, openPage } from "./support/panel.ts";

const demo = demoOfFile(25);

/** Presses Tab until what has focus is called so. */
async function tabTo(page: Page, name: RegExp): Promise<void> {
  for (let presses = 0; presses < 40; presses++) {
    await page.keyboard.press("Tab");
    const focused = await page.evaluate(() => {
      const element = document.activeElement as HTMLElement | null;
      return element?.closest("label")?.textContent ?? element?.textContent ?? "";
    });
    if (name.test(focused.trim())) return;
  }
  throw new Error(`Tab never came to ${name}`);
}

const inPanel = (page: Page) =>
  page.evaluate(() => document.activeElement?.closest("section.panel")?.getAttribute("aria-labelledby") ?? null);

for (const framework of FRAMEWORKS) {
  test(`${framework}: an export is started, stopped, tried again and left by keyboard, and focus stays in its panel`, async ({
    page,
  }) => {
    await openPage(page, demo().url, framework);
    const { button, word } = exportPanel(page);
    await tabTo(page, /^CSV$/);
    await page.keyboard.press("ArrowRight");
    await tabTo(page, /^Break off twice/);
    await tabTo(page, /^Start export$/);
    expect(await page.evaluate(() => getComputedStyle(document.activeElement!).outlineStyle)).toBe("solid");
    await page.keyboard.press("Enter");
    await expect(word).toHaveText("Running");
    expect(await inPanel(page)).toBe("export-title");

    await tabTo(page, /^Cancel$/);
    await page.keyboard.press("Space");
    await expect(word).toHaveText("Cancelled");
    expect(await inPanel(page)).toBe("export-title");

    await tabTo(page, /^Try again$/);
    await page.keyboard.press("Enter");
    await expect(word).toHaveText("Done", { timeout: 60_000 });
    expect(await inPanel(page)).toBe("export-title");

    await tabTo(page, /^Download users\.json$/);
    await tabTo(page, /^Start another$/);
    await page.keyboard.press("Enter");
    await expect(button("Start export")).toBeVisible();
    expect(await inPanel(page)).toBe("export-title");
  });
}
