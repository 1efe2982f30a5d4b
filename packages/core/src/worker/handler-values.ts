import type { JobDefinition } from "../define.ts";
import { describeIssues, parseWith } from "../schema.ts";
import { Hopeless } from "./failure.ts";

/** What the handler gets of the stored input. Throws `Hopeless` where the schema refuses it. */
export async function parsedInput(definition: JobDefinition, json: string): Promise<unknown> {
  const raw: unknown = JSON.parse(json);
  if (definition.input === null) return raw;
  let parsed = await parseWith(definition.input, raw);
  // A dispatch without an input is stored as null.
  if ("issues" in parsed && raw === null) parsed = await parseWith(definition.input, undefined);
  if ("issues" in parsed) throw new Hopeless("INPUT_INVALID", describeIssues(parsed.issues));
  return parsed.value;
}

/** What is stored of what the handler returned. Throws `Hopeless` where the schema refuses it. */
export async function checkedOutput(definition: JobDefinition, returned: unknown): Promise<unknown> {
  if (definition.output === null) return returned;
  const checked = await parseWith(definition.output, returned);
  if ("issues" in checked) throw new Hopeless("OUTPUT_INVALID", describeIssues(checked.issues));
  return checked.value;
}
