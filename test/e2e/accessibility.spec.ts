import { expect, type Page, test } from "@playwright/test";
import { demoOfFile } from "./support/demo.ts";
import { exportPanel, FRAMEWORKS, openPage } from "./support/panel.ts";

const demo = demoOfFile(25);

/** What a control lacks: a name, or 44 px to touch. Links within a sentence may be as high as their line. */
async function faultyControls(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const faults: string[] = [];
    for (const control of document.querySelectorAll<HTMLElement>("a, button, input, [tabindex='0']")) {
      const label = control.closest("label");
      const name = control.getAttribute("aria-label") ?? label?.textContent ?? control.textContent ?? "";
      if (name.trim() === "") faults.push(`no name: ${control.outerHTML.slice(0, 80)}`);
      const target = label ?? control;
      const { height } = target.getBoundingClientRect();
      const reach = Number.parseFloat(getComputedStyle(target, "::after").height) || 0;
      const isInline = control.matches("p a");
      if (!isInline && Math.max(height, reach) < 44) faults.push(`${Math.max(height, reach)} px: ${name}`);
    }
    return faults;
  });
}

/** Texts whose contrast with what lies behind them is less than AA asks for. */
async function paleTexts(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true })!;
    const rgba = (color: string): number[] => {
      canvas.clearRect(0, 0, 1, 1);
      canvas.fillStyle = color;
      canvas.fillRect(0, 0, 1, 1);
      return [...canvas.getImageData(0, 0, 1, 1).data];
    };
    const luminance = (color: number[]): number => {
      const [r = 0, g = 0, b = 0] = color.slice(0, 3).map((value) => {
        const share = value / 255;
        return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
      });
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const behind = (element: Element | null): number[] => {
      if (element === null) return [255, 255, 255, 255];
      const color = rgba(getComputedStyle(element).backgroundColor);
      return color[3] === 255 ? color : behind(element.parentElement);
    };
    const pale: string[] = [];
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let node = texts.nextNode(); node !== null; node = texts.nextNode()) {
      const element = node.parentElement!;
      if (node.textContent!.trim() === "" || element.closest(".visually-hidden, script, style")) continue;
      const [one, two] = [luminance(rgba(getComputedStyle(element).color)), luminance(behind(element))];
      const contrast = (Math.max(one, two) + 0.05) / (Math.min(one, two) + 0.05);
      if (contrast < 4.5) pale.push(`${contrast.toFixed(2)}: ${node.textContent!.trim().slice(0, 40)}`);
    }
    return pale;
  });
}

for (const framework of FRAMEWORKS) {
  test.describe(framework, () => {
    test("one polite live region is there from the start, and says each status and quarter once", async ({ page }) => {
      await openPage(page, demo().url, framework);
      const region = page.getByRole("status");
      await expect(region).toHaveCount(1);
      await expect(region).toHaveAttribute("aria-live", "polite");
      await expect(region).toBeEmpty();
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
      const { button, word } = exportPanel(page);
      await button("Start export").click();
      await expect(word).toHaveText("Done", { timeout: 60_000 });
      const said = await page.evaluate(() => (globalThis as unknown as { said: string[] }).said);
      expect(new Set(said).size).toBe(said.length);
      expect(said).toEqual(expect.arrayContaining(["Export users: Running, 25 %", "Export users: Running, 50 %"]));
      expect(said.at(-1)).toBe("Export users: Done");
      expect(said.length).toBeLessThanOrEqual(10);
    });

    test("a bar has a name, a range, and no value while nobody knows it", async ({ page }) => {
      await openPage(page, demo().url, framework, "states");
      const unknown = page.locator("#state-running-progress-unknown").getByRole("progressbar");
      await expect(unknown).not.toHaveAttribute("aria-valuenow", /.*/);
      await expect(unknown).toHaveAccessibleName("Export users, progress");
      const known = page.locator("#state-running").getByRole("progressbar");
      await expect(known).toHaveAttribute("aria-valuenow", "42");
      await expect(known).toHaveAttribute("aria-valuemin", "0");
      await expect(known).toHaveAttribute("aria-valuemax", "100");
    });

    for (const path of ["", "states"]) {
      for (const colorScheme of ["light", "dark"] as const) {
        test(`/${framework}/${path} in ${colorScheme}: every control has a name and room, every text contrast`, async ({
          page,
        }) => {
          await page.emulateMedia({ colorScheme });
          await openPage(page, demo().url, framework, path);
          expect(await faultyControls(page)).toEqual([]);
          expect(await paleTexts(page)).toEqual([]);
        });
      }
    }

    test("each page has one main part, one first heading, and no level left out", async ({ page }) => {
      for (const path of ["", "states"]) {
        await openPage(page, demo().url, framework, path);
        await expect(page.getByRole("main")).toHaveCount(1);
        const levels = await page.locator("h1, h2, h3").evaluateAll((all) => all.map((one) => Number(one.tagName[1])));
        expect(levels.filter((level) => level === 1)).toHaveLength(1);
        levels.forEach((level, index) => expect(level - (levels[index - 1] ?? 0)).toBeLessThanOrEqual(1));
        expect(await page.evaluate(() => document.documentElement.lang)).toBe("en");
      }
    });

    test("nothing moves where reduced motion is asked for, and nothing for longer than 200 ms elsewhere", async ({
      page,
    }) => {
      const longest = () =>
        page.evaluate(() => {
          const seconds = [...document.querySelectorAll("*")].flatMap((element) => {
            const { transitionDuration, animationDuration } = getComputedStyle(element);
            return `${transitionDuration},${animationDuration}`.split(",").map(Number.parseFloat);
          });
          return Math.max(...seconds);
        });
      await openPage(page, demo().url, framework, "states");
      expect(await longest()).toBeLessThanOrEqual(0.2);
      await page.emulateMedia({ reducedMotion: "reduce" });
      expect(await longest()).toBe(0);
    });
  });
}
