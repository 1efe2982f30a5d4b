import type { ReactNode } from "react";
import { flushSync } from "react-dom";
import { createRoot } from "react-dom/client";
import type { Panel } from "../../client/test/adapter-suite.ts";

/** A panel whose component can be rendered again. */
export interface ReactPanel extends Panel {
  readonly render: (node: ReactNode) => void;
}

/** Mounts a component into the page. */
export function mounted(node: ReactNode): ReactPanel {
  const target = document.createElement("div");
  document.body.append(target);
  const root = createRoot(target);
  const render = (next: ReactNode): void => flushSync(() => root.render(next));
  render(node);
  let isMounted = true;
  return {
    render,
    shown: () => target.querySelector("p")?.textContent ?? "",
    press: (button) => {
      const found = [...target.querySelectorAll("button")].find(({ textContent }) => textContent === button);
      flushSync(() => found!.click());
    },
    unmount: () => {
      if (isMounted) flushSync(() => root.unmount());
      isMounted = false;
      target.remove();
    },
  };
}
