import { join } from "node:path";
import { defineConfig } from "@playwright/test";
import { findChromium } from "./test/support/chromium.ts";
import { resultsDir } from "./test/support/results-dir.ts";

export default defineConfig({
  testDir: "test/e2e",
  outputDir: join(resultsDir, "playwright"),
  globalSetup: "./test/support/global-pages.ts",
  reporter: [["list"], ["./scripts/test-run/playwright-reporter.ts"]],
  forbidOnly: process.env["CI"] !== undefined,
  retries: 0,
  workers: 2,
  timeout: 90_000,
  expect: { timeout: 15_000 },
  use: {
    browserName: "chromium",
    launchOptions: await findChromium(),
    screenshot: "only-on-failure",
    trace: "retain-on-failure",
  },
});
