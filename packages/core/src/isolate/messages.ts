import type { AbortCode } from "../outcomes.ts";
import type { RemoteError } from "./remote-error.ts";

/** What a thread is started with. */
export interface ThreadData {
  /** The address of the module that defines the job. */
  readonly module: string;
  readonly name: string;
  /** JSON text. */
  readonly input: string;
  /** What of `ctx` is plain data. */
  readonly facts: Readonly<Record<string, unknown>>;
  readonly saved: Readonly<Record<string, unknown>>;
  /** The verbs of `ctx` that are called in the main thread; those of a part of it as `part.verb`. */
  readonly verbs: readonly string[];
  /** What of `ctx` came from the application, which no thread can reach. */
  readonly unreachable: readonly string[];
  /** One 32-bit number: 1 once somebody asked for the job to be cancelled. Seen by loops that never let go. */
  readonly cancelFlag: SharedArrayBuffer;
}

/** What a thread says. */
export type FromThread =
  | { readonly kind: "call"; readonly n: number; readonly verb: string; readonly args: readonly unknown[] }
  | { readonly kind: "progress"; readonly percent: number | null; readonly message: string | undefined }
  | { readonly kind: "heartbeat" }
  | {
      readonly kind: "log";
      readonly level: "debug" | "info" | "warn" | "error";
      readonly message: string;
      readonly fields: Record<string, unknown> | undefined;
    }
  | { readonly kind: "returned"; readonly json: string; readonly mended: boolean }
  | { readonly kind: "threw"; readonly error: RemoteError };

/** What a thread is told. */
export type ToThread =
  | { readonly kind: "reply"; readonly n: number; readonly value: unknown }
  | { readonly kind: "refusal"; readonly n: number; readonly error: RemoteError }
  | { readonly kind: "abort"; readonly code: AbortCode; readonly message: string };

/** A job definition among a call's arguments. */
export interface JobReference {
  readonly forgeJob: string;
  /** The workflow is meant whose runs are these jobs. */
  readonly isWorkflow?: true;
}
