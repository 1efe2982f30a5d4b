import { dirname, resolve } from "node:path";

/** What the demo server is told from outside. */
export interface Settings {
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  /** A `postgres://` URL; null for an SQLite file in the data folder. */
  readonly postgresUrl: string | null;
  /** Where the SQLite file, uploads and downloads lie. */
  readonly dataDir: string;
  /** Where the built pages lie. */
  readonly pages: { readonly svelte: string; readonly react: string };
  /** The least that jobs take per 1,000 rows, in milliseconds, so that a person can watch them; 0 runs them flat out. */
  readonly paceMs: number;
}

const DEFAULT_PORT = 3_000;
const DEFAULT_PACE_MS = 60;
// A batch that took longer would look like a handler that hangs, and run into its timeout.
const LARGEST_PACE_MS = 10_000;
const APP = dirname(import.meta.dirname);

/** Reads the settings from environment variables. Throws a sentence for people that names a bad one. */
export function readSettings(env: Readonly<Record<string, string | undefined>>): Settings {
  const postgresUrl = env["DATABASE_URL"] || null;
  if (postgresUrl !== null && !/^postgres(ql)?:\/\//.test(postgresUrl)) {
    throw new Error("DATABASE_URL must begin with postgres://. Leave it out to use an SQLite file.");
  }
  return {
    host: env["HOST"] || "localhost",
    port: wholeNumber("PORT", env["PORT"], DEFAULT_PORT, 65_535),
    postgresUrl,
    dataDir: resolve(env["FORGE_DEMO_DATA"] || resolve(APP, ".data")),
    pages: {
      svelte: resolve(env["FORGE_DEMO_SVELTE_DIR"] || resolve(APP, "../demo-svelte/dist")),
      react: resolve(env["FORGE_DEMO_REACT_DIR"] || resolve(APP, "../demo-react/dist")),
    },
    paceMs: wholeNumber("FORGE_DEMO_PACE", env["FORGE_DEMO_PACE"], DEFAULT_PACE_MS, LARGEST_PACE_MS),
  };
}

function wholeNumber(name: string, value: string | undefined, absent: number, largest: number): number {
  if (value === undefined || value === "") return absent;
  const number = Number(value);
  if (Number.isInteger(number) && number >= 0 && number <= largest) return number;
  throw new Error(`${name} must be a whole number from 0 to ${largest}; it is ${JSON.stringify(value)}.`);
}
