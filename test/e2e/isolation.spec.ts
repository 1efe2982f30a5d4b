import { expect, test } from "@playwright/test";
import { demoOfFile } from "./support/demo.ts";
import { expectProgress, exportPanel, FRAMEWORKS, jobInAddress, openPage } from "./support/panel.ts";

const demo = demoOfFile(60);

for (const framework of FRAMEWORKS) {
  test(`${framework}: two browsers run the same export apart, and neither sees the other's`, async ({ browser }) => {
    const contexts = [await browser.newContext(), await browser.newContext()] as const;
    const [ann, bob] = [await contexts[0].newPage(), await contexts[1].newPage()];
    for (const page of [ann, bob]) {
      await openPage(page, demo().url, framework);
      await exportPanel(page).button("Start export").click();
      await expectProgress(exportPanel(page).bar, 1);
    }
    const annsJob = jobInAddress(ann);
    expect(jobInAddress(bob)).not.toBe(annsJob);

    await openPage(bob, demo().url, framework, `?job=${annsJob}`);
    await expect(exportPanel(bob).word).toHaveText("Not found");
    const stolen = await bob.request.get(`${demo().url}/downloads/${annsJob}/users.csv`);
    expect(stolen.status()).toBe(404);
    await exportPanel(ann).button("Cancel").click();
    await expect(exportPanel(ann).word).toHaveText("Cancelled");
    for (const context of contexts) await context.close();
  });
}

test("the same browser sees one job in both frameworks", async ({ page }) => {
  await openPage(page, demo().url, "svelte");
  await exportPanel(page).button("Start export").click();
  await expectProgress(exportPanel(page).bar, 1);
  const id = jobInAddress(page);
  await page.getByRole("link", { name: "React" }).click();
  await expectProgress(exportPanel(page).bar, 1);
  expect(new URL(page.url()).pathname).toBe("/react/");
  expect(jobInAddress(page)).toBe(id);
});
