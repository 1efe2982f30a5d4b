/** What `export_users` answers, as the pages show it. */
export interface ExportResult {
  readonly count: number;
  readonly downloadUrl: string;
  readonly bytes: number;
}

/** What `import_contacts` answers, as the pages show it. */
export interface ImportResult {
  readonly imported: number;
  readonly rejected: number;
  /** The first 1,000. */
  readonly rejectedRows: readonly { readonly line: number; readonly reason: string; readonly text: string }[];
  /** Null if there are none. */
  readonly rejectedUrl: string | null;
}

/** What `account_verification` answers, as the pages show it. */
export interface VerificationResult {
  readonly email: string;
  readonly verified: boolean;
}

/** What `book_trip` answers: the references of its bookings. */
export interface TripResult {
  readonly flight: string;
  readonly hotel: string;
  readonly car: string;
}

/** The name that a download gets: the last part of its address. */
export function fileNameOf(downloadUrl: string): string {
  return downloadUrl.slice(downloadUrl.lastIndexOf("/") + 1);
}
