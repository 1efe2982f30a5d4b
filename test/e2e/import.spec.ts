import { expect, test } from "@playwright/test";
import { readFile } from "node:fs/promises";
import { contactsFile } from "./support/contacts-file.ts";
import { demoOfFile } from "./support/demo.ts";
import { expectProgress, FRAMEWORKS, importPanel, jobInAddress, openPage } from "./support/panel.ts";

const demo = demoOfFile(40);

for (const framework of FRAMEWORKS) {
  test.describe(framework, () => {
    test("10 MB are imported, and each wrong row is reported with its line", async ({ page }) => {
      const file = contactsFile(150_000);
      expect(file.buffer.byteLength).toBeGreaterThan(10 * 1024 * 1024);
      const before = demo().count("demo_contacts");
      await openPage(page, demo().url, framework);
      const { root, button, bar, word, link } = importPanel(page);
      await root.getByLabel("Choose a CSV file").setInputFiles(file);
      await button("Import").click();
      await expectProgress(bar, 20);
      await expect(root.getByText(/Checked [\d,]+ rows/)).toBeVisible();
      await expect(word).toHaveText("Done", { timeout: 80_000 });

      await expect(root.getByText("148,454")).toBeVisible();
      await expect(root.getByText("1,546", { exact: true })).toBeVisible();
      await expect(root.getByText("The first 1,000 of 1,546 rejected rows.")).toBeVisible();
      const rows = root.getByRole("row");
      await expect(rows).toHaveCount(1_001);
      await expect(rows.nth(1)).toContainText("98");
      await expect(rows.nth(1)).toContainText("The e-mail address is not valid");

      const [download] = await Promise.all([page.waitForEvent("download"), link("Download rejected.csv").click()]);
      expect((await readFile(await download.path(), "utf8")).trimEnd().split("\r\n")).toHaveLength(1_547);
      expect(demo().count("demo_contacts") - before).toBe(148_454);
      expect(demo().count("demo_contacts_stage")).toBe(0);
    });

    test("an import that is cancelled half way leaves nothing", async ({ page }) => {
      const before = demo().count("demo_contacts");
      await openPage(page, demo().url, framework);
      const { root, button, bar, word } = importPanel(page);
      await root.getByLabel("Choose a CSV file").setInputFiles(contactsFile(60_000));
      await button("Import").click();
      await expect.poll(() => jobInAddress(page, "import")).not.toBeNull();
      await expectProgress(bar, 30);
      expect(demo().count("demo_contacts_stage")).toBeGreaterThan(0);
      await button("Cancel").click();
      await expect(word).toHaveText("Cancelled");
      expect(demo().count("demo_contacts_stage")).toBe(0);
      expect(demo().count("demo_contacts")).toBe(before);
    });

    test("a file that is no CSV is given up with a sentence that says what to do", async ({ page }) => {
      await openPage(page, demo().url, framework);
      const { root, button, word } = importPanel(page);
      const file = {
        name: "letter.csv",
        mimeType: "text/csv",
        buffer: Buffer.from("%PDF-1.7\n%\u00e2\u00e3\n1 0 obj\n"),
      };
      await root.getByLabel("Choose a CSV file").setInputFiles(file);
      await button("Import").click();
      await expect(word).toHaveText("Given up");
      await expect(root.getByText(/^The first line must name the columns name and email/)).toBeVisible();
      await button("Start another").click();
      await expect(root.getByLabel("Choose a CSV file")).toBeAttached();
    });

    test("a file can be dropped, and a reload finds its import", async ({ page }) => {
      await openPage(page, demo().url, framework);
      const { root, button, word } = importPanel(page);
      const data = await page.evaluateHandle(() => {
        const transfer = new DataTransfer();
        transfer.items.add(new File(["name,email\nZoë,zoe@example.com\n"], "two lines.csv", { type: "text/csv" }));
        return transfer;
      });
      await root.locator(".drop").dispatchEvent("drop", { dataTransfer: data });
      await expect(root.getByText("two lines.csv")).toBeVisible();
      await button("Import").click();
      await expect(word).toHaveText("Done");
      await page.reload();
      await expect(word).toHaveText("Done");
      await expect(root.getByText("contacts imported")).toBeVisible();
    });

    for (const [what, buffer, sentence] of [
      ["an empty file", Buffer.alloc(0), "contacts.csv is empty."],
      [
        "a file over 20 MB",
        Buffer.alloc(20 * 1024 * 1024 + 1, "a"),
        "contacts.csv is larger than 20 MB. Split it and import the parts.",
      ],
    ] as const) {
      test(`${what} is refused before it is sent`, async ({ page }) => {
        await openPage(page, demo().url, framework);
        const { root, button } = importPanel(page);
        const file = { name: "contacts.csv", mimeType: "text/csv", buffer };
        await root.getByLabel("Choose a CSV file").setInputFiles(file);
        await expect(root.getByRole("alert")).toHaveText(sentence);
        await expect(button("Import")).toHaveCount(0);
      });
    }

    test("an upload can be cancelled, and the file is still chosen", async ({ page }) => {
      await openPage(page, demo().url, framework);
      // Holds the request back, as a slow line would.
      await page.route("**/uploads", () => {});
      const { root, button, word } = importPanel(page);
      await root.getByLabel("Choose a CSV file").setInputFiles(contactsFile(100));
      await button("Import").click();
      await expect(word).toHaveText("Uploading");
      await button("Cancel").click();
      await expect(button("Import")).toBeVisible();
      await expect(root.getByText("contacts.csv")).toBeVisible();
    });
  });
}
