import { spawn, type ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { endMarkedProcesses } from "./marked-processes.ts";
import type { StepResult, TestReport } from "./tally.ts";

export interface Step {
  readonly name: string;
  readonly command: readonly [executable: string, ...args: string[]];
  /** Whether the step runs single tests and says so through one of the two reporters. */
  readonly reports: boolean;
}

/**
 * Runs the steps of one run, one at a time, with their output going straight to ours.
 *
 * Running: until `interrupt` is called. Interrupted: the step under way is asked to end, then killed with all that it
 * started; steps asked for later end at once.
 */
export class StepRunner {
  readonly #results: string;
  readonly #graceMs: number;
  #child: ChildProcess | undefined;
  #interruptedBy: NodeJS.Signals | undefined;

  /**
   * `results` is an existing folder that no other run has; it doubles as the mark of the run's processes.
   * Processes get `graceMs` to end by themselves after their step, and after an interrupt. Default 10 s.
   */
  constructor(results: string, { graceMs = 10_000 }: { readonly graceMs?: number } = {}) {
    this.#results = results;
    this.#graceMs = graceMs;
  }

  async run({ name, command: [executable, ...args], reports }: Step): Promise<StepResult> {
    if (this.#interruptedBy !== undefined) return { name, exit: this.#interruptedBy };
    const reportFile = join(this.#results, `${name.replaceAll(/\W+/g, "-")}.json`);
    const child = spawn(executable, args, {
      stdio: ["ignore", "inherit", "inherit"],
      env: { ...hermetic(process.env), FORGE_TEST_RESULTS: this.#results, FORGE_TEST_REPORT: reportFile },
    });
    this.#child = child;
    const exit = await new Promise<number | NodeJS.Signals>((resolve) => {
      child.once("error", (error) => {
        console.error(error);
        resolve(1);
      });
      child.once("exit", (code, signal) => resolve(code ?? signal ?? 1));
    });
    this.#child = undefined;
    const leftBehind = await endMarkedProcesses(`FORGE_TEST_RESULTS=${this.#results}`, { withinMs: this.#graceMs });
    const report = reports ? { report: await readReport(reportFile) } : {};
    return { name, exit: this.#interruptedBy ?? exit, leftBehind, ...report };
  }

  interrupt(signal: NodeJS.Signals): void {
    this.#interruptedBy = signal;
    const child = this.#child;
    child?.kill(signal);
    setTimeout(() => child?.kill("SIGKILL"), this.#graceMs).unref();
  }
}

async function readReport(file: string): Promise<TestReport | "missing"> {
  return existsSync(file) ? (JSON.parse(await readFile(file, "utf8")) as TestReport) : "missing";
}

/** The environment without what would point tests at somebody's real database, port or data. */
function hermetic(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const personal = /^(PORT|DATABASE_URL|NODE_OPTIONS|NODE_ENV|PG[A-Z]+|FORGE_.*)$/;
  return Object.fromEntries(Object.entries(env).filter(([name]) => !personal.test(name)));
}
