import type { RunFace } from "@forge-jobs/demo-shared";
import type { ReactElement } from "react";
import { Icon } from "./icon.tsx";

/** The steps of a run, from the first to what is still to come. */
export function Stepper({ label, steps }: { label: string; steps: RunFace["steps"] }): ReactElement {
  return (
    <ol className="steps" aria-label={`${label}, steps`}>
      {steps.map(({ name, label: text, look, error, isCurrent }) => (
        <li key={name} data-step={name} data-tone={look.tone} aria-current={isCurrent ? "step" : undefined}>
          <Icon name={look.icon} />
          <span className="name" dir="auto">
            {text}
          </span>
          <span className="state">{look.word}</span>
          {error !== null && (
            <p className="why" dir="auto">
              {error}
            </p>
          )}
        </li>
      ))}
    </ol>
  );
}
