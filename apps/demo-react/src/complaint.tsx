import type { ReactElement } from "react";
import { Icon } from "./icon.tsx";

/** A sentence about what did not work. */
export function Complaint({ text }: { text: string }): ReactElement {
  return (
    <p className="complaint" role="alert">
      <Icon name="failed" />
      {text}
    </p>
  );
}
