import type { DemoData } from "../data/demo-data.ts";
import type { DemoFiles } from "../files/demo-files.ts";
import type { Post } from "../mail/post.ts";

/** What the demo's handlers find on their `ctx`. */
export interface DemoContext {
  /** Resolves when the demo's tables are there: a job of an earlier process may start before. */
  readonly data: Promise<DemoData>;
  readonly files: DemoFiles;
  readonly post: Post;
  /** What links in mails begin with; resolves when the server listens. */
  readonly origin: Promise<string>;
  /** The principal that dispatched a job. */
  readonly ownerOf: (jobId: string) => Promise<string>;
  /** The least that 1,000 rows take, in milliseconds; see `pacer`. */
  readonly paceMs: number;
}

declare module "@forge-jobs/core" {
  interface ForgeContext {
    demo: DemoContext;
  }
}
