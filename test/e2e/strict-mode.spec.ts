import { expect, test } from "@playwright/test";
import { join } from "node:path";
import { createServer } from "vite";
import { tempDir } from "../support/temp-dir.ts";
import { demoOfFile } from "./support/demo.ts";
import { expectProgress, exportPanel, jobInAddress } from "./support/panel.ts";

const demo = demoOfFile(40);

// A built page runs React for production, where StrictMode does nothing; the development server's renders twice.
test("React in StrictMode starts one job, and attaches to one", async ({ page }) => {
  await using cache = await tempDir("forge-vite-");
  const proxy = { "/_api": demo().url, "/uploads": demo().url, "/downloads": demo().url };
  const vite = await createServer({
    root: join(import.meta.dirname, "../../apps/demo-react"),
    cacheDir: cache.path,
    logLevel: "error",
    server: { host: "127.0.0.1", port: 0, hmr: false, proxy },
  });
  try {
    await vite.listen();
    const starts: string[] = [];
    page.on("request", (request) => {
      if (request.url().includes("/_api/rpc/")) starts.push(request.url());
    });
    const { button, bar, word } = exportPanel(page);
    await page.goto(vite.resolvedUrls!.local[0]!);
    await button("Start export").click();
    await expectProgress(bar, 10);
    const id = jobInAddress(page);
    await page.reload();
    await expectProgress(bar, 10);
    await expect(word).toHaveText("Done", { timeout: 60_000 });
    expect(jobInAddress(page)).toBe(id);
    expect(starts).toHaveLength(1);
    expect(demo().count("forge_jobs")).toBe(1);
  } finally {
    await vite.close();
  }
});
