import { expect } from "vitest";

/** A browser as far as the server can tell: it keeps its cookie and speaks HTTP. */
export interface Browser {
  readonly cookie: string;
  readonly get: (path: string) => Promise<Response>;
  readonly post: (path: string, body: unknown) => Promise<Response>;
  readonly upload: (body: BlobPart) => Promise<Response>;
  /** Uploads and answers the upload's id. */
  readonly uploaded: (body: BlobPart) => Promise<string>;
  /** Starts a job and answers its id. */
  readonly started: (job: string, args: unknown) => Promise<string>;
}

/** Opens the page, as every browser does first, and takes the cookie that comes with it. */
export async function openBrowser(url: string): Promise<Browser> {
  const page = await fetch(`${url}/svelte/`);
  const cookie = page.headers.get("set-cookie")?.split(";")[0] ?? "";
  await page.text();

  const get: Browser["get"] = (path) => fetch(url + path, { headers: { cookie } });
  const post: Browser["post"] = (path, body) =>
    fetch(url + path, {
      method: "POST",
      headers: { cookie, "content-type": "application/json" },
      body: JSON.stringify(body),
    });
  const upload: Browser["upload"] = (body) => {
    const form = new FormData();
    form.append("file", new File([body], "contacts.csv", { type: "text/csv" }));
    return fetch(`${url}/uploads`, { method: "POST", headers: { cookie }, body: form });
  };
  return {
    cookie,
    get,
    post,
    upload,
    uploaded: async (body) => dataOf<{ uploadId: string }>(await upload(body)).then(({ uploadId }) => uploadId),
    started: async (job, args) =>
      dataOf<{ jobId: string }>(await post(`/_api/rpc/${job}`, { args })).then(({ jobId }) => jobId),
  };
}

/** The data of an answer that must be a success. */
async function dataOf<T>(response: Response): Promise<T> {
  const answer = (await response.json()) as { success: boolean; data: T };
  expect(answer).toMatchObject({ success: true });
  return answer.data;
}
