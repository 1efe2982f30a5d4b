import { type Jsonify, type StartJobHandle, useJob, useStartJob } from "@forge-jobs/react";

export interface ExportUsersArgs {
  format?: "csv" | "json";
  flaky?: boolean;
}

export interface ExportUsersOutput {
  count: number;
  downloadUrl: string;
  bytes: number;
}

export const useExportUsers = (id?: string | null): StartJobHandle<ExportUsersArgs, ExportUsersOutput> =>
  useStartOrAttach<ExportUsersArgs, ExportUsersOutput>("export_users", id);

export interface ImportContactsArgs {
  uploadId: string;
}

export interface ImportContactsOutput {
  imported: number;
  rejected: number;
  rejectedRows: { line: number; reason: string; text: string }[];
  rejectedUrl: string | null;
}

export const useImportContacts = (id?: string | null): StartJobHandle<ImportContactsArgs, ImportContactsOutput> =>
  useStartOrAttach<ImportContactsArgs, ImportContactsOutput>("import_contacts", id);

/** The job that was started here; where `id` names another one, that. */
function useStartOrAttach<Args, Output>(type: string, id: string | null = null): StartJobHandle<Args, Jsonify<Output>> {
  const started = useStartJob<Args, Output>(type);
  const isAttached = id !== null && id !== started.job?.jobId;
  const attached = useJob<Output>(isAttached ? id : null);
  return isAttached ? { ...started, ...attached } : started;
}
