import { expect, type Page, test } from "@playwright/test";
import { demoOfFile } from "./support/demo.ts";
import { FRAMEWORKS, jobInAddress, openPage, tripPanel } from "./support/panel.ts";

const demo = demoOfFile(20);

/** Records each different set of states that the stepper shows from now on, with the run's word before it. */
async function recordStates(page: Page): Promise<() => Promise<string[]>> {
  await page.evaluate(() => {
    const seen: string[] = [];
    Object.assign(globalThis, { seenStates: seen });
    new MutationObserver(() => {
      const panel = document.querySelector('section[aria-labelledby="trip-title"]')!;
      const states = [...panel.querySelectorAll(".steps .state")].map((state) => state.textContent);
      const now = `${panel.querySelector(".word")?.textContent}: ${states.join(", ")}`;
      if (states.length > 0 && seen.at(-1) !== now) seen.push(now);
    }).observe(document.body, { subtree: true, childList: true, characterData: true });
  });
  return () => page.evaluate(() => (globalThis as unknown as { seenStates: string[] }).seenStates);
}

for (const framework of FRAMEWORKS) {
  test.describe(framework, () => {
    test("without a car, the two bookings before it are seen to be cancelled, the last one first", async ({ page }) => {
      await openPage(page, demo().url, framework);
      const { root, button, word, step, expectSteps } = tripPanel(page);
      const states = await recordStates(page);
      await expect(root.getByRole("checkbox")).toBeChecked();
      await button("Book").click();
      await expect(word).toHaveText("Undoing");
      await expect(root.getByText("What was done is being undone, the last step first.")).toBeVisible();
      await expect(button("Cancel")).toHaveCount(0);
      await expect(word).toHaveText("Undone");
      await expectSteps([
        ["Book the flight", "Undone"],
        ["Book the hotel", "Undone"],
        ["Book the car", "Failed"],
        ["Send the itinerary", "Skipped"],
      ]);
      await expect(step("book_car")).toContainText("No car is left on that day.");
      await expect(root.locator(".reason")).toHaveText("No car is left on that day.");

      const seen = await states();
      const inOrder = [
        "Running: Running, To come, To come, To come",
        "Running: Done, Running, To come, To come",
        "Running: Done, Done, Running, To come",
        "Undoing: Done, Done, Failed, Skipped",
        "Undoing: Done, Undone, Failed, Skipped",
        "Undone: Undone, Undone, Failed, Skipped",
      ];
      expect(seen.filter((one) => inOrder.includes(one))).toEqual(inOrder);
      expect(seen).not.toContainEqual(expect.stringContaining("Undone, Done"));
    });

    test("with a car, the three bookings stand, and their references are shown", async ({ page }) => {
      await openPage(page, demo().url, framework);
      const { root, button, word, expectSteps } = tripPanel(page);
      await root.getByRole("checkbox").uncheck();
      await button("Book").click();
      await expect(word).toHaveText("Done");
      await expectSteps([
        ["Book the flight", "Done"],
        ["Book the hotel", "Done"],
        ["Book the car", "Done"],
        ["Send the itinerary", "Done"],
      ]);
      for (const kind of ["FLIGHT", "HOTEL", "CAR"]) {
        await expect(root.getByText(new RegExp(`^${kind}-[0-9A-F]{6}$`))).toBeVisible();
      }
    });

    test("a trip is booked and left by keyboard, and focus stays in its panel; back leads to it again", async ({
      page,
    }) => {
      await openPage(page, demo().url, framework);
      const { button, word } = tripPanel(page);
      await button("Book").focus();
      await page.keyboard.press("Enter");
      await expect(word).toHaveText("Undone");
      const inPanel = () =>
        page.evaluate(() => document.activeElement?.closest("section.panel")?.getAttribute("aria-labelledby"));
      expect(await inPanel()).toBe("trip-title");
      const id = jobInAddress(page, "trip");
      await button("Start another").focus();
      await page.keyboard.press("Enter");
      await expect(button("Book")).toBeVisible();
      expect(await inPanel()).toBe("trip-title");
      await page.goBack();
      await expect(word).toHaveText("Undone");
      expect(jobInAddress(page, "trip")).toBe(id);
    });
  });
}
