import { type Component, flushSync, mount, unmount } from "svelte";
import type { Panel } from "../../client/test/adapter-suite.ts";

/** Mounts a component into the page. */
export function mounted<Props extends Record<string, unknown>>(component: Component<Props>, props: Props): Panel {
  const target = document.createElement("div");
  document.body.append(target);
  const instance = mount(component, { target, props });
  flushSync();
  let isMounted = true;
  return {
    shown: () => target.querySelector("p")?.textContent ?? "",
    press: (button) => {
      const found = [...target.querySelectorAll("button")].find(({ textContent }) => textContent === button);
      found!.click();
      flushSync();
    },
    unmount: () => {
      if (isMounted) void unmount(instance);
      isMounted = false;
      target.remove();
    },
  };
}
