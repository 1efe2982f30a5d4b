import { stringify } from "csv-stringify";
import type { Forge } from "@forge-jobs/core";
import type { FastifyInstance } from "fastify";
import { open } from "node:fs/promises";
import { Readable } from "node:stream";
import { SAMPLE_ROWS, sampleContacts } from "../data/sample-contacts.ts";
import type { DemoFiles } from "../files/demo-files.ts";
import { refuse } from "./answers.ts";

const TYPES: Readonly<Record<string, string>> = {
  "users.csv": "text/csv; charset=utf-8",
  "users.json": "application/json; charset=utf-8",
  "rejected.csv": "text/csv; charset=utf-8",
};
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

interface DownloadParams {
  jobId: string;
  file: string;
}

/** `GET /downloads/:jobId/:file` for the owner of that job, and `GET /samples/contacts.csv` for everybody. */
export async function downloadRoutes(
  app: FastifyInstance,
  { forge, files }: { forge: Forge; files: DemoFiles },
): Promise<void> {
  app.get<{ Params: DownloadParams }>("/downloads/:jobId/:file", async (request, reply) => {
    const { jobId, file } = request.params;
    const type = Object.hasOwn(TYPES, file) ? TYPES[file]! : null;
    const job = type !== null && UUID.test(jobId) ? await forge.jobs.get(jobId) : null;
    // Someone else's file looks like none, so that nobody learns which ids exist.
    if (type === null || job === null || job.owner !== request.principalId || job.status !== "completed") {
      return refuse(reply, "NOT_FOUND", "There is no such file for this browser.");
    }
    const handle = await open(files.downloadPath(jobId, file)).catch(() => null);
    if (handle === null)
      return refuse(reply, "NOT_FOUND", "This file was kept for a day and is gone. Start the job again.");
    const { size } = await handle.stat();
    return reply
      .type(type)
      .header("content-length", size)
      .header("content-disposition", `attachment; filename="${file}"`)
      .header("cache-control", "private, no-store")
      .header("x-content-type-options", "nosniff")
      .send(handle.createReadStream());
  });

  app.get("/samples/contacts.csv", (_request, reply) =>
    reply
      .type("text/csv; charset=utf-8")
      .header("content-disposition", 'attachment; filename="contacts.csv"')
      .send(Readable.from(sampleContacts(SAMPLE_ROWS)).pipe(stringify())),
  );
}
