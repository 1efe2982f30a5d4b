import { createJobStore, type CreateJobStoreOptions, type JobStore } from "@forge-jobs/svelte";

export interface ExportUsersArgs {
  format?: "csv" | "json";
  flaky?: boolean;
}

export interface ExportUsersOutput {
  count: number;
  downloadUrl: string;
  bytes: number;
}

export const trackExportUsers = (args: ExportUsersArgs, options?: CreateJobStoreOptions): JobStore<ExportUsersOutput> =>
  createJobStore<ExportUsersArgs, ExportUsersOutput>("export_users", args, options);

export interface ImportContactsArgs {
  uploadId: string;
}

export interface ImportContactsOutput {
  imported: number;
  rejected: number;
  rejectedRows: { line: number; reason: string; text: string }[];
  rejectedUrl: string | null;
}

export const trackImportContacts = (
  args: ImportContactsArgs,
  options?: CreateJobStoreOptions,
): JobStore<ImportContactsOutput> =>
  createJobStore<ImportContactsArgs, ImportContactsOutput>("import_contacts", args, options);
