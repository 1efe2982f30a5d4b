import { type ExportResult, formatBytes, formatCount } from "@forge-jobs/demo-shared";
import type { ReactElement } from "react";

/** What an export has written. */
export function ExportTotals({ result }: { result: ExportResult }): ReactElement {
  return (
    <dl className="totals">
      <div>
        <dt>users</dt>
        <dd>{formatCount(result.count)}</dd>
      </div>
      <div>
        <dt>file size</dt>
        <dd>{formatBytes(result.bytes)}</dd>
      </div>
    </dl>
  );
}
