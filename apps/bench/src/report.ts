import type { Measure } from "./measures.ts";
import { median } from "./statistics.ts";

/** What was measured: by measure and contender, one number a round. */
export type Results = Map<string, Map<string, number[]>>;

interface Target {
  readonly measure: string;
  readonly of: string;
  readonly against: string;
  /** At least so many times as fast, or at most so much of the time. */
  readonly atLeast?: number;
  readonly atMost?: number;
}

const TARGETS: readonly Target[] = [
  { measure: "dispatch", of: "forge (PostgreSQL)", against: "graphile-worker", atLeast: 1.5 },
  { measure: "drain", of: "forge (PostgreSQL)", against: "graphile-worker", atLeast: 1.1 },
  { measure: "drain", of: "forge (PostgreSQL)", against: "set-based SQL limit", atLeast: 0.9 },
  { measure: "pickup", of: "forge (PostgreSQL)", against: "graphile-worker", atMost: 0.7 },
  { measure: "dispatch", of: "forge (SQLite)", against: "forge (PostgreSQL)", atLeast: 2 },
  { measure: "drain", of: "forge (SQLite)", against: "forge (PostgreSQL)", atLeast: 2 },
  { measure: "pickup", of: "forge (SQLite)", against: "forge (PostgreSQL)", atMost: 0.3 },
];

/** The medians with their spread, then every ratio beside its target, as Markdown. */
export function report(measures: readonly Measure[], results: Results): string {
  const lines = ["| measure | contender | median | lowest to highest |", "|---|---|---:|---:|"];
  for (const { key, title, unit } of measures) {
    for (const [name, rounds] of results.get(key) ?? []) {
      if (rounds.length === 0) continue;
      const shown = (value: number): string =>
        unit === "ms" ? value.toFixed(2) : Math.round(value).toLocaleString("en");
      const spread = `${shown(Math.min(...rounds))} to ${shown(Math.max(...rounds))}`;
      lines.push(`| ${title} | ${name} | ${shown(median(rounds))} ${unit} | ${spread} |`);
    }
  }
  lines.push("", "| ratio of medians | is | target | met |", "|---|---:|---:|---|");
  for (const { measure, of, against, atLeast, atMost } of TARGETS) {
    const [ours, theirs] = [results.get(measure)?.get(of), results.get(measure)?.get(against)];
    if (ours === undefined || theirs === undefined || ours.length === 0 || theirs.length === 0) continue;
    const ratio = median(ours) / median(theirs);
    const met = atLeast === undefined ? ratio <= (atMost ?? 0) : ratio >= atLeast;
    const target = atLeast === undefined ? `≤ ${atMost}×` : `≥ ${atLeast}×`;
    lines.push(`| ${measure}: ${of} / ${against} | ${ratio.toFixed(2)}× | ${target} | ${met ? "yes" : "NO"} |`);
  }
  return lines.join("\n");
}
