import { userOf } from "./people.ts";

/** How many rows the sample file has; about 10 MB. */
export const SAMPLE_ROWS = 140_000;

const COMPANIES = [
  "Müller, Söhne & Co",
  "Acme",
  "Łódź Textil",
  "東京電子",
  'The "Best" Bakery',
  "Orléans Vin",
  "Silva e Filhos",
  "",
] as const;
// Far from the ids of the demo's users, so that the sample holds other people.
const FIRST_ID = 1_000_000;
const BAD_EVERY = 97;

/**
 * Makes up the rows of a CSV file to import, the header first: always the same ones.
 *
 * About one row in a hundred is wrong, in one of the ways that exports of real address books are.
 */
export function* sampleContacts(rows: number): Generator<readonly string[]> {
  yield ["name", "email", "company", "city"];
  for (let index = 1; index <= rows; index++) {
    const { name, email, city } = userOf(FIRST_ID + index);
    const row = [name, email, COMPANIES[index % COMPANIES.length]!, city];
    yield index % BAD_EVERY === 0 ? spoil(row, index / BAD_EVERY) : row;
  }
}

function spoil([name = "", email = "", company = "", city = ""]: readonly string[], turn: number): string[] {
  switch (turn % 5) {
    case 0:
      return ["", email, company, city];
    case 1:
      return [name, email.replace("@", " at "), company, city];
    case 2:
      return [name, "", company, city];
    case 3:
      return [name, email, company, city, "moved 2024"];
    default:
      return [name, userOf(FIRST_ID + 1).email, company, city];
  }
}
