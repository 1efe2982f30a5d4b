import {
  createJobStore,
  type CreateJobStoreOptions,
  createWorkflowStore,
  type CreateWorkflowStoreOptions,
  type JobStore,
  type WorkflowStore,
} from "@forge-jobs/svelte";

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

export interface AccountVerificationArgs {
  email: string;
}

export interface AccountVerificationOutput {
  email: string;
  verified: boolean;
}

export const trackAccountVerification = (
  args: AccountVerificationArgs,
  options?: CreateWorkflowStoreOptions,
): WorkflowStore<AccountVerificationOutput> =>
  createWorkflowStore<AccountVerificationArgs, AccountVerificationOutput>("account_verification", args, options);

export interface BookTripArgs {
  carsLeft?: boolean;
}

export interface BookTripOutput {
  flight: string;
  hotel: string;
  car: string;
}

export const trackBookTrip = (
  args: BookTripArgs,
  options?: CreateWorkflowStoreOptions,
): WorkflowStore<BookTripOutput> => createWorkflowStore<BookTripArgs, BookTripOutput>("book_trip", args, options);
