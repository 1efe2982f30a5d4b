import { expect, type Page, test, type TestInfo } from "@playwright/test";
import { contactsFile } from "./support/contacts-file.ts";
import { demoOfFile } from "./support/demo.ts";
import {
  expectProgress,
  exportPanel,
  FRAMEWORKS,
  importPanel,
  openPage,
  tripPanel,
  verificationPanel,
} from "./support/panel.ts";

const demo = demoOfFile(60);

/** Takes the page as it is now, on a phone and on a wide screen, in light and in dark. */
async function pictures(page: Page, info: TestInfo, name: string): Promise<void> {
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme });
    for (const width of [390, 1280]) {
      await page.setViewportSize({ width, height: 900 });
      const path = info.outputPath(`${name}-${width}-${colorScheme}.png`);
      // Colours that are on their way from one scheme to the other would be in the picture.
      await page.screenshot({ path, fullPage: true, animations: "disabled" });
    }
  }
}

for (const framework of FRAMEWORKS) {
  test(`${framework}: pictures of the pages are kept with the results`, async ({ page }, info) => {
    await openPage(page, demo().url, framework, "states");
    await pictures(page, info, "states");
    await openPage(page, demo().url, framework);
    await pictures(page, info, "start");

    const exporting = exportPanel(page);
    const importing = importPanel(page);
    await importing.root.getByLabel("Choose a CSV file").setInputFiles(contactsFile(3_000));
    await exporting.button("Start export").click();
    await expectProgress(exporting.bar, 20);
    await pictures(page, info, "running");
    await importing.button("Import").click();
    await expect(importing.word).toHaveText("Done", { timeout: 60_000 });
    await expect(exporting.word).toHaveText("Done", { timeout: 60_000 });
    await pictures(page, info, "done");

    const verifying = verificationPanel(page);
    const booking = tripPanel(page);
    await verifying.button("Send the mail").click();
    await booking.button("Book").click();
    await expect(verifying.root.locator(".mail a")).toBeVisible();
    await expect(booking.word).toHaveText("Undone");
    await pictures(page, info, "workflows");
  });
}
