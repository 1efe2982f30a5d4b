import multipart from "@fastify/multipart";
import type { WireResult } from "@forge-jobs/protocol";
import type { FastifyInstance } from "fastify";
import type { DemoFiles, Upload } from "../files/demo-files.ts";
import { refuse } from "./answers.ts";

/** The largest file that can be uploaded, in bytes. */
const LARGEST_UPLOAD: number = 20 * 1024 * 1024;

/** `POST /uploads`: takes the field `file` of a multipart form, streams it to disk, and answers `{ uploadId, bytes }`. */
export async function uploadRoute(app: FastifyInstance, { files }: { files: DemoFiles }): Promise<void> {
  await app.register(multipart, {
    throwFileSizeLimit: false,
    limits: { files: 1, fields: 0, fileSize: LARGEST_UPLOAD },
  });

  app.post("/uploads", async (request, reply) => {
    if (!request.isMultipart())
      return refuse(reply, "BAD_REQUEST", "Send the file as the field `file` of a multipart form.");
    const part = await request.file();
    if (part === undefined) return refuse(reply, "BAD_REQUEST", "The form holds no file; send it as the field `file`.");
    const upload = await files.receive(request.principalId, part.file, () => part.file.truncated);
    if (upload === "too large") {
      return refuse(
        reply,
        "TOO_LARGE",
        `The file is larger than ${LARGEST_UPLOAD / 1024 / 1024} MB. Split it and import the parts.`,
      );
    }
    return { success: true, data: upload } satisfies WireResult<Upload>;
  });
}
