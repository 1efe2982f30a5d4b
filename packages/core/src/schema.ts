import type { StandardSchemaV1 } from "@standard-schema/spec";

/** One complaint of a schema: what, and where as a dotted path ("" for the value itself). */
export interface SchemaIssue {
  readonly message: string;
  readonly path: string;
}

/** What a schema said of a value: the parsed value, or at least one issue; `thrown` is what it threw instead of saying so. */
export type SchemaResult =
  | { readonly value: unknown }
  | { readonly issues: readonly SchemaIssue[]; readonly thrown?: unknown };

const MOST_ISSUES = 20;

/** Asks a Standard Schema, asynchronous ones too. A schema that throws counts as an issue, so that it fails no neighbour. */
export async function parseWith(schema: StandardSchemaV1, value: unknown): Promise<SchemaResult> {
  try {
    const answer = schema["~standard"].validate(value);
    const result = answer instanceof Promise ? await answer : answer;
    if (result.issues === undefined) return { value: result.value };
    return { issues: result.issues.slice(0, MOST_ISSUES).map(plainIssue) };
  } catch (cause) {
    return {
      issues: [
        { path: "", message: `the schema itself threw: ${cause instanceof Error ? cause.message : String(cause)}` },
      ],
      thrown: cause,
    };
  }
}

/** The issues as one sentence part. */
export function describeIssues(issues: readonly SchemaIssue[]): string {
  return issues.map(({ path, message }) => (path === "" ? message : `${path}: ${message}`)).join("; ");
}

function plainIssue(issue: StandardSchemaV1.Issue): SchemaIssue {
  const path = (issue.path ?? []).map((part) => String(typeof part === "object" ? part.key : part)).join(".");
  return { message: issue.message, path };
}
