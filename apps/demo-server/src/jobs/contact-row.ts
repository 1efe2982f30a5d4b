import { z } from "zod";
import type { Contact } from "../data/demo-data.ts";

const text = (name: string, longest: number): z.ZodString =>
  z
    .string()
    .trim()
    .max(longest, `${name} is longer than ${longest} characters`)
    // U+FFFD is what a byte that is no UTF-8 turns into; PostgreSQL refuses NUL.
    // oxlint-disable-next-line no-control-regex -- control characters are what it looks for
    .regex(/^[^\u0000-\u001f\u007f\ufffd]*$/, `${name} holds a line break or characters that cannot be read`);

const contactSchema = z.object({
  name: text("The name", 200).min(1, "The name is missing"),
  email: text("The e-mail address", 254)
    .min(1, "The e-mail address is missing")
    .transform((email) => email.toLowerCase())
    .pipe(z.email("The e-mail address is not valid")),
  company: text("The company", 200),
  city: text("The city", 200),
});

/** A column that an import reads. */
export type ContactColumn = keyof z.input<typeof contactSchema>;

/** The columns that an import reads, as the first line may name them in any order and case. */
export const CONTACT_COLUMNS: readonly ContactColumn[] = ["name", "email", "company", "city"];

/** The columns that a file cannot do without. */
export const REQUIRED_COLUMNS: readonly ContactColumn[] = ["name", "email"];

/** Checks one row, given its cells by column; answers the contact, or the sentence that says what is wrong with the row. */
export function checkContact(line: number, cells: Record<ContactColumn, string>): Contact | string {
  const { success, data, error } = contactSchema.safeParse(cells);
  // The first complaint about a cell makes the others moot: an empty address is also not valid.
  return success ? { line, ...data } : error.issues[0]!.message;
}
