import type { TripResult } from "@forge-jobs/demo-shared";
import type { ReactElement } from "react";

/** The bookings that a trip is made of. */
export function TripReferences({ result }: { result: TripResult }): ReactElement {
  return (
    <dl className="totals references">
      <div>
        <dt>flight</dt>
        <dd>{result.flight}</dd>
      </div>
      <div>
        <dt>hotel</dt>
        <dd>{result.hotel}</dd>
      </div>
      <div>
        <dt>car</dt>
        <dd>{result.car}</dd>
      </div>
    </dl>
  );
}
