import { availableParallelism, totalmem } from "node:os";
import { ForgeError, shown } from "./errors.ts";
import { refuseUnknownOptions } from "./options.ts";

/**
 * An amount of processor time and memory, written as Kubernetes does.
 *
 * `cpu` in cores: `4`, `0.5`, `"2"`, or in thousandths, `"500m"`. `memory` in bytes: a number, or text with `Ki`, `Mi`, `Gi`,
 * `Ti` (powers of 1,024) or `K`, `M`, `G`, `T` (powers of 1,000), such as `"8Gi"`.
 */
export interface Resources {
  cpu?: number | string;
  memory?: number | string;
}

/** `Resources` as numbers that can be added. */
export interface Amounts {
  /** In thousandths of a core. */
  readonly cpu: number;
  /** In bytes. */
  readonly memory: number;
}

const CPU = /^(\d+(?:\.\d+)?)(m?)$/;
const MEMORY = /^(\d+(?:\.\d+)?)(Ki|Mi|Gi|Ti|k|K|M|G|T)?$/;
const UNITS: Readonly<Record<string, number>> = {
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  k: 1e3,
  K: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
};

/** Checks an amount; what it does not name is null. Throws `BAD_REQUEST`. */
export function amountsOf(what: string, resources: Resources): { cpu: number | null; memory: number | null } {
  refuseUnknownOptions(what, resources, ["cpu", "memory"]);
  const { cpu, memory } = resources;
  return {
    cpu: cpu === undefined ? null : thousandths(`${what}.cpu`, cpu),
    memory: memory === undefined ? null : bytes(`${what}.memory`, memory),
  };
}

/** What this process may use: all cores, and all memory of the machine or of its container, whichever is less. */
export function hostAmounts(): Amounts {
  const limit = process.constrainedMemory();
  return { cpu: availableParallelism() * 1_000, memory: limit > 0 ? Math.min(limit, totalmem()) : totalmem() };
}

function thousandths(what: string, cpu: number | string): number {
  const [, digits, milli] = CPU.exec(typeof cpu === "number" ? plain(cpu) : cpu) ?? [];
  const amount = Math.round(Number(digits) * (milli === "m" ? 1 : 1_000));
  if (amount >= 1 && amount <= Number.MAX_SAFE_INTEGER) return amount;
  throw new ForgeError(
    "BAD_REQUEST",
    `${what} must be cores, such as 4, 0.5 or "500m", and at least a thousandth; got ${shown(cpu)}.`,
  );
}

function bytes(what: string, memory: number | string): number {
  const [, digits, unit = ""] = MEMORY.exec(typeof memory === "number" ? plain(memory) : memory) ?? [];
  const amount = Math.round(Number(digits) * (UNITS[unit] ?? 1));
  if (amount >= 1 && amount <= Number.MAX_SAFE_INTEGER) return amount;
  throw new ForgeError(
    "BAD_REQUEST",
    `${what} must be bytes, or text with a unit such as "512Mi", "8Gi" or "2G"; got ${shown(memory)}.`,
  );
}

/** A number without the exponent that large and small ones are printed with. */
function plain(amount: number): string {
  return Number.isFinite(amount) ? amount.toLocaleString("en", { useGrouping: false, maximumFractionDigits: 6 }) : "";
}
