import type { Caller } from "./principal.ts";
import type { Channel, ChannelListener } from "./sse/channel.ts";
import type { Frame } from "./sse/frame.ts";
import type { StateFrame, StateView } from "./state-view.ts";
import type { Watch, WatchOwner } from "./watch.ts";

/** What a session says besides states; of each kind the last one counts. */
export type Notice = "subscribed" | "status" | "goaway";

/** Who looks after sessions; one for all of them. */
export interface SessionHost {
  closed(session: Session): void;
  appeared(session: Session, watch: Watch, view: StateView): void;
}

/**
 * One stream and what it watches.
 *
 * - opening: registered, its first states are being read. What is offered waits in its slot.
 * - flowing: what is offered is written at once.
 * - blocked: the socket is full. Each watch has one slot, in which the latest state waits; each kind of notice likewise.
 *   Left when the socket has drained, or with the session when that takes too long.
 * - ending: `goaway` is its last word; offers are ignored, what waits is still written.
 * - closed: everything is ignored.
 */
export class Session implements ChannelListener, WatchOwner {
  readonly id: string;
  readonly caller: Caller;
  readonly endsAtMs: number;
  readonly watches: Map<string, Watch> = new Map();
  /** Deals its heartbeats out among those of the others. */
  beat = 0;
  readonly #host: SessionHost;
  #channel: Channel | null = null;
  #slots: Map<Watch, StateFrame> | null = null;
  #notices: Map<Notice, Frame> | null = null;
  #blockedAtMs: number | null = null;
  #endByMs: number | null = null;
  #isClosed = false;

  /** `endsAtMs` says when it must end, by `performance.now()`. */
  constructor(id: string, caller: Caller, endsAtMs: number, host: SessionHost) {
    this.id = id;
    this.caller = caller;
    this.endsAtMs = endsAtMs;
    this.#host = host;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** How many states wait for the socket. */
  get waiting(): number {
    return this.#slots?.size ?? 0;
  }

  /** Gives it its channel; `first` is written before anything that waits. */
  open(channel: Channel, first: readonly Frame[]): void {
    this.#channel = channel;
    for (const frame of first) this.#write(frame);
    if (this.#blockedAtMs === null) this.drained();
  }

  offer(watch: Watch, frame: StateFrame): void {
    if (this.#endByMs !== null || this.#isClosed) return;
    if (this.#channel === null || this.#blockedAtMs !== null) {
      (this.#slots ??= new Map()).set(watch, frame);
      return;
    }
    watch.revision = frame.revision;
    this.#write(frame);
  }

  appeared(watch: Watch, view: StateView): void {
    this.#host.appeared(this, watch, view);
  }

  say(notice: Notice, frame: Frame): void {
    if (this.#endByMs !== null || this.#isClosed) return;
    if (this.#channel === null || this.#blockedAtMs !== null) (this.#notices ??= new Map()).set(notice, frame);
    else this.#write(frame);
  }

  /** A full socket needs no sign of life. */
  ping(frame: Frame): void {
    if (this.#channel !== null && this.#blockedAtMs === null && this.#endByMs === null) this.#write(frame);
  }

  /** Forgets what waits for a watch that ended. */
  forget(watch: Watch): void {
    this.#slots?.delete(watch);
  }

  /** Says goodbye, after what waits if `flush`, and ends the stream; `overdue` cuts it from `endByMs` on. */
  sendAway(goaway: Frame, endByMs: number, flush: boolean): void {
    if (this.#endByMs !== null || this.#isClosed) return;
    if (!flush) this.#slots = null;
    this.say("goaway", goaway);
    this.#endByMs = endByMs;
    if (this.#channel === null) this.closed();
    else if (this.#blockedAtMs === null) this.#channel.end();
  }

  /** Cuts the stream if its socket has been full for `drainMs`, or its goodbye takes too long. */
  cutIfOverdue(nowMs: number, drainMs: number): void {
    const isSlow = this.#blockedAtMs !== null && nowMs - this.#blockedAtMs > drainMs;
    if (isSlow || (this.#endByMs !== null && nowMs > this.#endByMs)) this.#channel?.destroy();
  }

  drained(): void {
    if (this.#isClosed) return;
    this.#blockedAtMs = null;
    for (const [watch, frame] of this.#slots ?? []) {
      this.#slots?.delete(watch);
      if (frame.revision <= watch.revision) continue;
      watch.revision = frame.revision;
      if (!this.#write(frame)) return;
    }
    this.#slots = null;
    for (const [notice, frame] of this.#notices ?? []) {
      this.#notices?.delete(notice);
      if (!this.#write(frame)) return;
    }
    this.#notices = null;
    if (this.#endByMs !== null) this.#channel?.end();
  }

  closed(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#slots = this.#notices = null;
    this.#host.closed(this);
  }

  #write(frame: Frame): boolean {
    if (this.#channel?.write(frame) ?? false) return true;
    this.#blockedAtMs ??= performance.now();
    return false;
  }
}
