import {
  type Jsonify,
  type StartJobHandle,
  type StartWorkflowHandle,
  useJob,
  useStartJob,
  useStartWorkflow,
  useWorkflow,
} from "@forge-jobs/react";

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

export interface AccountVerificationArgs {
  email: string;
}

export interface AccountVerificationOutput {
  email: string;
  verified: boolean;
}

export const useAccountVerification = (
  id?: string | null,
): StartWorkflowHandle<AccountVerificationArgs, AccountVerificationOutput> =>
  useStartOrAttachRun<AccountVerificationArgs, AccountVerificationOutput>("account_verification", id);

export interface BookTripArgs {
  carsLeft?: boolean;
}

export interface BookTripOutput {
  flight: string;
  hotel: string;
  car: string;
}

export const useBookTrip = (id?: string | null): StartWorkflowHandle<BookTripArgs, BookTripOutput> =>
  useStartOrAttachRun<BookTripArgs, BookTripOutput>("book_trip", id);

/** The job that was started here; where `id` names another one, that. */
function useStartOrAttach<Args, Output>(type: string, id: string | null = null): StartJobHandle<Args, Jsonify<Output>> {
  const started = useStartJob<Args, Output>(type);
  const isAttached = id !== null && id !== started.job?.jobId;
  const attached = useJob<Output>(isAttached ? id : null);
  return isAttached ? { ...started, ...attached } : started;
}

/** The same of a run of a workflow. */
function useStartOrAttachRun<Args, Output>(
  type: string,
  id: string | null = null,
): StartWorkflowHandle<Args, Jsonify<Output>> {
  const started = useStartWorkflow<Args, Output>(type);
  const isAttached = id !== null && id !== started.workflow?.workflowId;
  const attached = useWorkflow<Output>(isAttached ? id : null);
  return isAttached ? { ...started, ...attached } : started;
}
