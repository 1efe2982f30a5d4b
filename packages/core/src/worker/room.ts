import type { JobDefinition } from "../define.ts";
import type { Amounts } from "../resources.ts";

/** What a claim may take, with room set aside for it until `end`. */
export interface Offer {
  /** Types of which another job fits. */
  readonly types: readonly string[];
  /** How many jobs of these types fit, whichever they are. */
  readonly limit: number;
  /** The claim is for these types only: one of them has waited for too long. */
  readonly alone: boolean;
  /** The claim is over; what it brought was taken, the rest is free again. */
  end(): void;
}

/** What the room asks of the worker around it. */
export interface RoomHost {
  /** A monotonic clock in milliseconds. */
  now(): number;
  /** Jobs of this queue that did not fit before do now. */
  wake(queue: string): void;
}

interface Waiting {
  readonly since: number;
  seen: number;
}

interface Place {
  readonly queue: string;
  readonly type: string;
}

type Run = { readonly id: string; readonly claimNo: number };

/** For how long smaller jobs may go first. */
const PATIENCE_MS = 10_000;
/** A type that waits is looked at once a second; one that nobody looks at any more keeps nobody from starting. */
const FORGET_MS = 3_000;

/**
 * The resources of this process, and which of its jobs use them: jobs run together only while their sum fits.
 *
 * What does not fit is not claimed, so that another process may take it, and so that it stands in the way of no smaller job
 * here. A type whose due jobs have not fitted for 10 s gets its turn: until one of them was claimed, or somebody else took
 * them, no other job that needs resources is claimed here, and the room for it gathers as running jobs end.
 */
export class Room {
  readonly #host: RoomHost;
  readonly #needs: ReadonlyMap<string, Amounts>;
  readonly #patienceMs: number;
  readonly #used = new Map<string, Amounts>();
  readonly #refused = new Map<string, Place>();
  readonly #waiting = new Map<string, Waiting>();
  #cpu: number;
  #memory: number;

  constructor(host: RoomHost, ceiling: Amounts, needs: ReadonlyMap<string, Amounts>, patienceMs: number = PATIENCE_MS) {
    this.#host = host;
    this.#needs = needs;
    this.#patienceMs = patienceMs;
    this.#cpu = ceiling.cpu;
    this.#memory = ceiling.memory;
  }

  /** Whether jobs of this type use resources. */
  isUsedBy(type: string): boolean {
    return this.#needs.has(type);
  }

  /** Of these types, those of which another job may start now. */
  fitting(queue: string, types: readonly string[]): string[] {
    const turn = this.#turn();
    return types.filter((type) => this.#fits(type) && (turn === null || turn === keyOf(queue, type)));
  }

  /** Sets room aside for a claim of at most so many jobs; null where none of these types fits. */
  offer(queue: string, types: readonly string[], most: number): Offer | null {
    const fitting = this.fitting(queue, types);
    for (const type of types) if (!fitting.includes(type)) this.#refused.set(keyOf(queue, type), { queue, type });
    if (fitting.length === 0 || most <= 0) return null;
    const turn = this.#turn();
    const needs = fitting.map((type) => this.#needs.get(type) as Amounts);
    // Whichever types come, so many of the hungriest fit.
    const cpu = Math.max(...needs.map((one) => one.cpu));
    const memory = Math.max(...needs.map((one) => one.memory));
    const limit = turn !== null ? 1 : Math.min(most, timesIn(cpu, this.#cpu), timesIn(memory, this.#memory));
    this.#add(-cpu * limit, -memory * limit);
    const end = (): void => {
      if (turn !== null) this.#waiting.delete(turn);
      this.#add(cpu * limit, memory * limit);
      this.#wake();
    };
    return { types: fitting, limit, alone: turn !== null, end };
  }

  /** A claimed job uses what its type needs from now on. */
  take(job: Run & { readonly type: string }): void {
    const needs = this.#needs.get(job.type);
    if (needs === undefined || this.#used.has(runOf(job))) return;
    this.#used.set(runOf(job), needs);
    this.#add(-needs.cpu, -needs.memory);
  }

  /** A job's handler has ended, or will not start. Does nothing for one that uses nothing. */
  release(job: Run): void {
    const needs = this.#used.get(runOf(job));
    if (needs === undefined) return;
    this.#used.delete(runOf(job));
    this.#add(needs.cpu, needs.memory);
    this.#wake();
  }

  /** Of these types, those that do not fit at this moment, whoever's turn it is. The others are not waiting any more. */
  unfitting(queue: string, types: readonly string[]): string[] {
    return types.filter((type) => {
      const fits = this.#fits(type);
      if (fits && this.#turn() !== keyOf(queue, type)) this.#waiting.delete(keyOf(queue, type));
      return !fits;
    });
  }

  /** Whether jobs of a type that does not fit are due at this moment. */
  note(queue: string, type: string, isDue: boolean): void {
    const key = keyOf(queue, type);
    const now = this.#host.now();
    const waiting = this.#waiting.get(key);
    if (!isDue) this.#waiting.delete(key);
    else if (waiting === undefined || now - waiting.seen > FORGET_MS) this.#waiting.set(key, { since: now, seen: now });
    else waiting.seen = now;
    this.#wake();
  }

  #fits(type: string): boolean {
    const needs = this.#needs.get(type);
    return needs === undefined || (needs.cpu <= this.#cpu && needs.memory <= this.#memory);
  }

  /** Who has waited the longest, and for too long. */
  #turn(): string | null {
    if (this.#waiting.size === 0) return null;
    const now = this.#host.now();
    let first: { key: string; since: number } | null = null;
    for (const [key, { since, seen }] of this.#waiting) {
      const counts = now - since >= this.#patienceMs && now - seen <= FORGET_MS;
      if (counts && (first === null || since < first.since)) first = { key, since };
    }
    return first?.key ?? null;
  }

  #add(cpu: number, memory: number): void {
    this.#cpu += cpu;
    this.#memory += memory;
  }

  #wake(): void {
    const queues = new Set<string>();
    for (const [key, { queue, type }] of this.#refused) {
      if (this.fitting(queue, [type]).length === 0) continue;
      this.#refused.delete(key);
      queues.add(queue);
    }
    for (const queue of queues) this.#host.wake(queue);
  }
}

/** Makes the room of a worker that runs these jobs; null where none of them uses resources. */
export function roomFor(definitions: readonly JobDefinition[], ceiling: Amounts, host: RoomHost): Room | null {
  const needs = new Map<string, Amounts>();
  for (const { name, resources } of definitions) if (resources !== null) needs.set(name, resources);
  return needs.size === 0 ? null : new Room(host, ceiling, needs);
}

function timesIn(part: number, whole: number): number {
  return part === 0 ? Infinity : Math.floor(whole / part);
}

function keyOf(queue: string, type: string): string {
  return `${queue}\0${type}`;
}

function runOf({ id, claimNo }: Run): string {
  return `${id} ${claimNo}`;
}
