import { expect, type Locator, type Page } from "@playwright/test";

/** The frameworks whose page is tested; both must behave alike. */
export const FRAMEWORKS = ["svelte", "react"] as const;
export type Framework = (typeof FRAMEWORKS)[number];

/** One panel of the page, by what a person sees of it. */
export interface Panel {
  readonly root: Locator;
  readonly bar: Locator;
  /** The status word. */
  readonly word: Locator;
  readonly button: (name: string) => Locator;
  readonly link: (name: string) => Locator;
}

export function exportPanel(page: Page): Panel {
  return panel(page, "Export users");
}

export function importPanel(page: Page): Panel {
  return panel(page, "Import contacts");
}

/** One panel over a workflow: its stepper as well. */
export interface RunPanel extends Panel {
  readonly stepper: Locator;
  /** A step by the name that the workflow gives it. */
  readonly step: (name: string) => Locator;
  /** Waits until the stepper shows exactly these steps in these states, in this order. */
  readonly expectSteps: (steps: readonly (readonly [label: string, state: string])[]) => Promise<void>;
}

export function verificationPanel(page: Page): RunPanel {
  return runPanel(page, "Verify an address");
}

export function tripPanel(page: Page): RunPanel {
  return runPanel(page, "Book a trip");
}

function runPanel(page: Page, name: string): RunPanel {
  const one = panel(page, name);
  const stepper = one.root.getByRole("list", { name: `${name}, steps` });
  return {
    ...one,
    stepper,
    step: (step) => stepper.locator(`[data-step="${step}"]`),
    async expectSteps(steps) {
      await expect(stepper.locator(".state")).toHaveText(steps.map(([, state]) => state));
      await expect(stepper.locator(".name")).toHaveText(steps.map(([label]) => label));
    },
  };
}

function panel(page: Page, name: string): Panel {
  const root = page.getByRole("region", { name, exact: true });
  return {
    root,
    bar: root.getByRole("progressbar"),
    word: root.locator(".word"),
    button: (label) => root.getByRole("button", { name: label }),
    link: (label) => root.getByRole("link", { name: label }),
  };
}

/** Opens the page and waits until it can be used. */
export async function openPage(page: Page, url: string, framework: Framework, query = ""): Promise<void> {
  await page.goto(`${url}/${framework}/${query}`);
  await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
}

/** Waits until the bar has reached `percent`. */
export async function expectProgress(bar: Locator, percent: number): Promise<void> {
  const now = async (): Promise<number> => Number((await bar.getAttribute("aria-valuenow")) ?? -1);
  await expect.poll(now, { timeout: 60_000 }).toBeGreaterThanOrEqual(percent);
}

/** The id of the job or run that the address names. */
export function jobInAddress(page: Page, parameter: "job" | "import" | "verification" | "trip" = "job"): string | null {
  return new URL(page.url()).searchParams.get(parameter);
}

/** Records every value that a progress bar of the page shows from now on; `null` stands for none. */
export async function recordProgress(page: Page): Promise<() => Promise<(number | null)[]>> {
  await page.evaluate(() => {
    const seen: (number | null)[] = [];
    Object.assign(globalThis, { seenProgress: seen });
    new MutationObserver(() => {
      const bar = document.querySelector('[role="progressbar"]');
      const now = bar?.getAttribute("aria-valuenow") ?? null;
      const value = now === null ? null : Number(now);
      if (bar !== null && seen.at(-1) !== value) seen.push(value);
    }).observe(document.body, { subtree: true, childList: true, attributes: true });
  });
  return () => page.evaluate(() => (globalThis as unknown as { seenProgress: (number | null)[] }).seenProgress);
}
