/** What walks have to come by: where one of these never happened, a run of them shows nothing about it. */
const PLACES = [
  "a dispatch met the holder of its key",
  "a dispatch replaced a pending job",
  "a dispatch left alone a holder that it would have replaced",
  "a job was born claimed",
  "a job could not be born claimed",
  "a claim took jobs",
  "a claim lost its answer",
  "a pause kept a due job back",
  "a global limit kept a due job back",
  "a claim that had not heard of a limit took nothing",
  "a job was taken under a global limit",
  "a job with a concurrency key was taken",
  "a concurrency key kept a due job back",
  "a run that waits for children lent its place",
  "a child that is waited for was taken",
  "a worker that drains took nothing",
  "a job settled as completed",
  "a job went back to retry",
  "a job was given back",
  "a job failed",
  "a job became a dead letter",
  "a job failed for good",
  "an outcome was said twice",
  "a stale run was refused",
  "a run that was asked to stop settled",
  "a waiting job was cancelled",
  "a running job was asked to stop",
  "a cancellation reached a child",
  "a settled job was not cancelled",
  "a person retried a job",
  "a person's retry met another holder of the key",
  "a person's retry met a discarded job",
  "a person's retry met a job under way",
  "a retry of all brought jobs back",
  "a retry of all left a dead letter to a filter",
  "a person discarded a job",
  "a job under way was not discarded",
  "a person deleted a job",
  "a job under way was not deleted",
  "a child was made",
  "a child was found again",
  "a child that ended badly was made anew",
  "a child's key had a holder",
  "a run that lost its job made no child",
  "a run that was asked to stop made no child",
  "a worker died with jobs",
  "a job died with its worker too often",
  "a beat gave strays back",
  "a failed job became a dead letter by the default",
  "a failed job became a dead letter by its own time",
  "a job was deleted by the default",
  "a child was spared by the default",
  "a job was deleted by its own time",
  "a child was spared by its own time",
  "a key outlived its deleted job",
  "a job was freed from its concurrency key",
  "a token was taken at once",
  "a place in the line was given",
  "a place in the line was found again",
  "a token was taken from a place",
  "one late to its turn was told a new time",
  "a bucket was drained",
  "a bucket was changed",
  "a place was swept",
  "a cron got another expression",
  "a cron's ticks were taken over",
  "a tick made a job",
  "a stale decision about ticks was refused",
  "a decision about ticks to come was refused",
  "a decision about ticks was refused while paused",
  "a cron was triggered",
  "a cron was resumed",
] as const;

/** What some runs come by once or never; only a soak has to. */
const RARE: ReadonlySet<Place> = new Set<Place>([
  "a run that waits for children lent its place",
  "a child that is waited for was taken",
  "a run that was asked to stop settled",
  "a run that was asked to stop made no child",
  "a person's retry met another holder of the key",
  "a retry of all left a dead letter to a filter",
  "a child that ended badly was made anew",
  "a job died with its worker too often",
  "a beat gave strays back",
  "a failed job became a dead letter by the default",
  "a failed job became a dead letter by its own time",
  "a child was spared by the default",
  "a child was spared by its own time",
  "a key outlived its deleted job",
  "a place was swept",
  "a cron was resumed",
]);

export type Place = (typeof PLACES)[number];

/** Counts by which places the walks of one run came. */
export class Reach {
  readonly counts: Map<Place, number> = new Map(PLACES.map((place) => [place, 0]));

  by(place: Place, times: number | boolean = 1): void {
    this.counts.set(place, this.counts.get(place)! + Number(times));
  }

  missed({ isSoak }: { readonly isSoak: boolean }): Place[] {
    return PLACES.filter((place) => this.counts.get(place) === 0 && (isSoak || !RARE.has(place)));
  }
}
