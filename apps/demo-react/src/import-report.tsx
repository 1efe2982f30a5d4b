import { formatCount, type ImportResult } from "@forge-jobs/demo-shared";
import type { ReactElement } from "react";

/** What an import has taken in, and what not. */
export function ImportReport({ result }: { result: ImportResult }): ReactElement {
  return (
    <div className="result">
      <dl className="totals">
        <div>
          <dt>contacts imported</dt>
          <dd>{formatCount(result.imported)}</dd>
        </div>
        <div>
          <dt>rows rejected</dt>
          <dd>{formatCount(result.rejected)}</dd>
        </div>
      </dl>
      {result.rejectedUrl !== null && (
        // A keyboard must be able to scroll it.
        <div className="rows" role="region" aria-label="Rejected rows" tabIndex={0}>
          <table>
            <thead>
              <tr>
                <th scope="col" className="line">
                  Line
                </th>
                <th scope="col">Why</th>
                <th scope="col">Row</th>
              </tr>
            </thead>
            <tbody>
              {result.rejectedRows.map(({ line, reason, text }) => (
                <tr key={line}>
                  <td className="line">{line}</td>
                  <td>{reason}</td>
                  <td className="text">{text}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {result.rejected > result.rejectedRows.length && (
        <p className="soft small count">
          The first {formatCount(result.rejectedRows.length)} of {formatCount(result.rejected)} rejected rows.
        </p>
      )}
    </div>
  );
}
