import type { CSSProperties, ReactElement } from "react";

/** A bar; `percent: null` says that nobody knows. */
export function ProgressBar({ label, percent }: { label: string; percent: number | null }): ReactElement {
  return (
    <div
      className="bar"
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={percent ?? undefined}
      data-unknown={percent === null}
    >
      <div style={{ "--share": (percent ?? 0) / 100 } as CSSProperties} />
    </div>
  );
}
