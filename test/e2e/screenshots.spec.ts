import { expect, test } from "@playwright/test";
import { demoOfFile } from "./support/demo.ts";
import { expectProgress, exportPanel, FRAMEWORKS, openPage } from "./support/panel.ts";

const demo = demoOfFile(20);

for (const framework of FRAMEWORKS) {
  test(`${framework}: pictures of the pages are kept with the results`, async ({ page }, info) => {
    for (const colorScheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme });
      for (const width of [390, 1280]) {
        await page.setViewportSize({ width, height: 900 });
        const picture = (name: string) =>
          page.screenshot({
            path: info.outputPath(`${framework}-${name}-${width}-${colorScheme}.png`),
            fullPage: true,
          });
        await openPage(page, demo().url, framework, "states");
        await picture("states");
        await openPage(page, demo().url, framework);
        await picture("start");
        const { button, bar, word } = exportPanel(page);
        await button("Start export").click();
        await expectProgress(bar, 30);
        await picture("running");
        await expect(word).toHaveText("Done", { timeout: 60_000 });
        await picture("done");
      }
    }
  });
}
