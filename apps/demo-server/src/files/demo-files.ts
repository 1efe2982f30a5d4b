import { randomUUID } from "node:crypto";
import { createWriteStream } from "node:fs";
import { rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { partialFile, type PartialFile } from "./partial-file.ts";

/** The files that people bring and take away. Owners and ids are UUIDs that were checked as such: they become paths. */
export interface DemoFiles {
  /**
   * Streams an upload to disk and answers its id. Nothing is kept of one that breaks off or that `isTooLarge` rejects when
   * all of it has come.
   */
  receive(owner: string, body: Readable, isTooLarge: () => boolean): Promise<Upload | "too large">;
  /** Where an upload lies; null if that owner has none of that id. */
  findUpload(owner: string, uploadId: string): Promise<string | null>;
  removeUpload(owner: string, uploadId: string): Promise<void>;
  /** Begins a file that a job makes. */
  newDownload(jobId: string, name: string): Promise<PartialFile>;
  /** Where a job's file lies, whether or not it exists. */
  downloadPath(jobId: string, name: string): string;
}

/** An upload that lies on disk as a whole. */
export interface Upload {
  readonly uploadId: string;
  readonly bytes: number;
}

/** The folders below the data folder, by what lies in them. */
export const FOLDERS = { uploads: "uploads", downloads: "downloads", mails: "mails" } as const;

/** Keeps files below `dataDir`; folders are made when they are needed. */
export function demoFiles(dataDir: string): DemoFiles {
  const uploadPath = (owner: string, uploadId: string): string =>
    join(dataDir, FOLDERS.uploads, owner, `${uploadId}.csv`);
  const downloadPath = (jobId: string, name: string): string => join(dataDir, FOLDERS.downloads, jobId, name);
  return {
    async receive(owner, body, isTooLarge) {
      const uploadId = randomUUID();
      const file = await partialFile(uploadPath(owner, uploadId));
      try {
        await pipeline(body, createWriteStream(file.path, { flush: true }));
        if (isTooLarge()) return "too large";
        return { uploadId, bytes: await file.publish() };
      } finally {
        await file.discard();
      }
    },
    async findUpload(owner, uploadId) {
      const path = uploadPath(owner, uploadId);
      return (await stat(path).catch(() => null)) === null ? null : path;
    },
    removeUpload: (owner, uploadId) => rm(uploadPath(owner, uploadId), { force: true }),
    newDownload: (jobId, name) => partialFile(downloadPath(jobId, name)),
    downloadPath,
  };
}
