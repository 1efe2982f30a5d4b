/** A picture of 20 × 20, drawn with lines of the text's colour. */
export type IconName =
  | "waiting"
  | "starting"
  | "running"
  | "again"
  | "stopping"
  | "done"
  | "failed"
  | "given-up"
  | "cancelled"
  | "unknown"
  | "live"
  | "connecting"
  | "stale"
  | "polling"
  | "offline"
  | "file"
  | "mail"
  | "to-come"
  | "asleep"
  | "undoing"
  | "undone"
  | "skipped";

/** The `d` of each icon's path, to be stroked and not filled. */
export const ICONS: Readonly<Record<IconName, string>> = {
  waiting: "M10 2.5a7.5 7.5 0 1 0 0 15 7.5 7.5 0 0 0 0-15M10 6v4l2.8 1.8",
  starting: "M10 2.5a7.5 7.5 0 1 0 7.5 7.5M10 6.2v7.6M6.8 10.6 10 13.8l3.2-3.2",
  running: "M10 2.5a7.5 7.5 0 1 0 0 15 7.5 7.5 0 0 0 0-15M8.3 7v6l4.7-3z",
  again: "M16.8 8.2A7 7 0 1 0 17 11M17 4v4.4h-4.4",
  stopping: "M10 2.5a7.5 7.5 0 1 0 0 15 7.5 7.5 0 0 0 0-15M7.6 7.6h4.8v4.8H7.6z",
  done: "M10 2.5a7.5 7.5 0 1 0 0 15 7.5 7.5 0 0 0 0-15M6.6 10.3l2.3 2.3 4.5-4.9",
  failed: "M10 2.5a7.5 7.5 0 1 0 0 15 7.5 7.5 0 0 0 0-15M7.3 7.3l5.4 5.4M12.7 7.3l-5.4 5.4",
  "given-up": "M6.9 2.5h6.2l4.4 4.4v6.2l-4.4 4.4H6.9l-4.4-4.4V6.9zM10 6v4.7M10 13.7v.1",
  cancelled: "M10 2.5a7.5 7.5 0 1 0 0 15 7.5 7.5 0 0 0 0-15M4.9 4.9l10.2 10.2",
  unknown: "M10 2.5a7.5 7.5 0 1 0 0 15 7.5 7.5 0 0 0 0-15M7.9 8a2.1 2.1 0 1 1 3 1.9c-.6.3-.9.7-.9 1.4M10 13.7v.1",
  live: "M10 8.2a1.8 1.8 0 1 0 0 3.6 1.8 1.8 0 0 0 0-3.6M6 14a5.6 5.6 0 0 1 0-8M14 14a5.6 5.6 0 0 0 0-8",
  connecting: "M4.5 10h.1M10 10h.1M15.5 10h.1",
  stale: "M10 3 2.6 16.2h14.8zM10 8v3.7M10 13.8v.1",
  polling: "M4 7.5h12M13 4.5l3 3M16 12.5H4M7 15.5l-3-3",
  offline: "M3 3l14 14M6 14a5.6 5.6 0 0 1-.6-7.2M14 14a5.6 5.6 0 0 0 0-8",
  file: "M5 2.5h6.5L15.5 6.5v11H5zM11.3 2.6v4.2h4.1M10.2 14.4V9.6M8 11.7l2.2-2.2 2.2 2.2",
  mail: "M2.5 4.5h15v11h-15zM2.8 5l7.2 5.8L17.2 5",
  "to-come": "M10 2.5a7.5 7.5 0 1 0 0 15 7.5 7.5 0 0 0 0-15",
  asleep:
    "M5 2.5h10M5 17.5h10M6.5 2.5v2.3c0 2.2 3.5 3.4 3.5 5.2s-3.5 3-3.5 5.2v2.3M13.5 2.5v2.3c0 2.2-3.5 3.4-3.5 5.2s3.5 3 3.5 5.2v2.3",
  undoing: "M7.2 3.6 3.6 7.2l3.6 3.6M4 7.2h7.6a4.6 4.6 0 0 1 0 9.2H7",
  undone: "M10 2.5a7.5 7.5 0 1 0 0 15 7.5 7.5 0 0 0 0-15M8.6 6.4 6.6 8.4l2 2M6.9 8.4h3.9a2.4 2.4 0 0 1 0 4.8H8.4",
  skipped: "M10 2.5a7.5 7.5 0 1 0 0 15 7.5 7.5 0 0 0 0-15M6.8 10h6.4",
};
