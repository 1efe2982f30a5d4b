import { readdir } from "node:fs/promises";
import { request } from "node:http";
import { join } from "node:path";
import { expect, test } from "vitest";
import { until } from "../../../test/support/until.ts";
import { startWorld } from "./support/world.ts";

const MB = 1024 * 1024;

test("a browser gets one principal, in a cookie that scripts cannot read", async () => {
  await using world = await startWorld("SQLite", { users: 0 });
  const first = await fetch(`${world.server.url}/svelte/`);
  expect(first.headers.get("set-cookie")).toMatch(
    /^forge_demo=[0-9a-f-]{36}; Max-Age=\d+; Path=\/; HttpOnly; SameSite=Lax$/,
  );
  expect((await world.browser.get("/react/")).headers.get("set-cookie")).toBeNull();
  const forged = await fetch(`${world.server.url}/svelte/`, { headers: { cookie: "forge_demo=../../etc" } });
  expect(forged.headers.get("set-cookie")).toMatch(/^forge_demo=/);
});

test("both pages are served with their client-side paths, and the root leads to one", async () => {
  await using world = await startWorld("SQLite", { users: 0 });
  for (const framework of ["svelte", "react"]) {
    for (const path of [`/${framework}/`, `/${framework}`, `/${framework}/states`, `/${framework}/?job=1`]) {
      const response = await world.browser.get(path);
      expect(response.status, path).toBe(200);
      expect(response.headers.get("cache-control"), path).toBe("no-cache");
      expect(await response.text(), path).toContain(`<title>${framework}</title>`);
    }
    const asset = await world.browser.get(`/${framework}/assets/index-abc.js`);
    expect(asset.headers.get("cache-control")).toContain("immutable");
  }
  expect((await world.browser.get("/")).url).toBe(`${world.server.url}/svelte/`);
  expect((await world.browser.get("/svelte/nothing.js")).status).toBe(404);
});

test("another browser can neither see, stop nor download a job", async () => {
  await using world = await startWorld("SQLite", { users: 10 });
  const id = await world.browser.started("export_users", {});
  await world.server.forge.jobs.wait(id);
  const other = await world.anotherBrowser();
  for (const response of [
    await other.get(`/_api/jobs/${id}`),
    await other.post(`/_api/jobs/${id}/cancel`, {}),
    await other.get(`/downloads/${id}/users.csv`),
    await fetch(`${world.server.url}/downloads/${id}/users.csv`),
  ]) {
    expect(response.status).toBe(404);
    expect(await response.json()).toMatchObject({ success: false, error: { code: "NOT_FOUND" } });
  }
  expect((await world.browser.get(`/downloads/${id}/users.csv`)).status).toBe(200);
});

test.for(["users.json", "..%2f..%2fdemo.db", "__proto__", "users.csv.part"])(
  "no other file of a job can be downloaded: %s",
  async (file) => {
    await using world = await startWorld("SQLite", { users: 10 });
    const id = await world.browser.started("export_users", {});
    await world.server.forge.jobs.wait(id);
    expect((await world.browser.get(`/downloads/${id}/${file}`)).status).toBe(404);
  },
);

test("an upload of 19 MB comes through, one over 20 MB is refused and leaves nothing", async () => {
  await using world = await startWorld("SQLite", { users: 0 });
  const response = await world.browser.upload(new Uint8Array(19 * MB));
  expect(await response.json()).toMatchObject({ success: true, data: { bytes: 19 * MB } });

  const tooLarge = await world.browser.upload(new Uint8Array(20 * MB + 1));
  expect(tooLarge.status).toBe(413);
  expect(await tooLarge.json()).toEqual({
    success: false,
    error: { code: "TOO_LARGE", message: "The file is larger than 20 MB. Split it and import the parts." },
  });
  expect(await filesOf(world.database.dataDir)).toHaveLength(1);
});

test("an upload that breaks off leaves nothing", async () => {
  await using world = await startWorld("SQLite", { users: 0 });
  const upload = request(`${world.server.url}/uploads`, {
    method: "POST",
    headers: { cookie: world.browser.cookie, "content-type": "multipart/form-data; boundary=x" },
  });
  upload.on("error", () => undefined);
  upload.write('--x\r\ncontent-disposition: form-data; name="file"; filename="a.csv"\r\n\r\nname,email\n');
  await until(async () => (await filesOf(world.database.dataDir)).length === 1, { what: "the file that is received" });
  upload.destroy();
  await until(async () => (await filesOf(world.database.dataDir)).length === 0, { what: "the file to be removed" });
});

test.for([
  ["no form", { method: "POST", body: "name,email" }],
  ["a form without a file", { method: "POST", body: new FormData() }],
] as const)("%s is refused with a sentence", async ([, init]) => {
  await using world = await startWorld("SQLite", { users: 0 });
  const response = await fetch(`${world.server.url}/uploads`, init);
  expect(response.status).toBe(400);
  expect(await response.json()).toMatchObject({ success: false, error: { code: "BAD_REQUEST" } });
});

test("the sample file is a CSV of at least 10 MB", async () => {
  await using world = await startWorld("SQLite", { users: 0 });
  const response = await world.browser.get("/samples/contacts.csv");
  const file = new Uint8Array(await response.arrayBuffer());
  expect(file.byteLength).toBeGreaterThan(10_000_000);
  expect(new TextDecoder().decode(file.subarray(0, 24))).toBe("name,email,company,city\n");
});

async function filesOf(dataDir: string): Promise<string[]> {
  const entries = await readdir(join(dataDir, "uploads"), { recursive: true, withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isFile()).map((entry) => entry.name);
}
