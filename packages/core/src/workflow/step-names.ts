import { ForgeError, shown } from "../errors.ts";

const LONGEST = 200;
/** Marks what a run records for itself: the undoing of a step. */
export const UNDO_MARK = "~";

/** Checks the name of a step, a wait or a scope. Throws `BAD_REQUEST`. */
export function checkStepName(name: string, what: string): string {
  if (
    typeof name !== "string" ||
    name === "" ||
    name.length > LONGEST ||
    /[\0#/]/.test(name) ||
    name.startsWith(UNDO_MARK) ||
    !name.isWellFormed()
  ) {
    throw new ForgeError(
      "BAD_REQUEST",
      `${what} must be text of 1 to ${LONGEST} characters without # and /, and not begin with ${UNDO_MARK}; got ${shown(name)}.`,
    );
  }
  return name;
}

/**
 * The names of one scope of a run, in the order in which its code asks for them.
 *
 * Every replay asks in the same order, so that a name which repeats gets the same number each time.
 */
export class StepNames {
  /** What every key of this scope begins with. */
  readonly prefix: string;
  readonly #times: Map<string, number>;
  /** How many steps of a name are under way. */
  readonly #open = new Map<string, number>();

  constructor(prefix: string = "", times: Map<string, number> = new Map()) {
    this.prefix = prefix;
    this.#times = times;
  }

  /** The next key of a name: `name`, then `name#2`. */
  next(name: string): string {
    const key = this.exact(name);
    const times = (this.#times.get(key) ?? 0) + 1;
    this.#times.set(key, times);
    return times === 1 ? key : `${key}#${times}`;
  }

  /** The key of exactly this name, for code that asks by name whether a step is recorded. */
  exact(name: string): string {
    return this.prefix + checkStepName(name, "The name of a step");
  }

  /** Whether a step of this name is under way; with numbers that depend on who asks first, branches would trade places. */
  isOpen(name: string): boolean {
    return (this.#open.get(name) ?? 0) > 0;
  }

  /** Notes that a step of this name is under way until the answer is called. */
  open(name: string): () => void {
    this.#open.set(name, (this.#open.get(name) ?? 0) + 1);
    return () => void this.#open.set(name, (this.#open.get(name) ?? 1) - 1);
  }

  /** The names of a scope inside this one. */
  inside(name: string): StepNames {
    return new StepNames(`${this.next(name)}/`, this.#times);
  }
}
