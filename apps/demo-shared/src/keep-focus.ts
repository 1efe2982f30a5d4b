/**
 * Keeps the keyboard's place in a panel: when the element that has focus vanishes, such as a Start button, focus moves to
 * the panel's `[data-focus-home]` instead of to the top of the page. Returns what ends that.
 */
export function keepFocus(panel: HTMLElement): () => void {
  let last: Element | null = null;
  const remember = (event: FocusEvent): void => {
    last = event.target as Element;
  };
  const forget = (event: PointerEvent): void => {
    // Whoever clicks elsewhere has left, even where nothing takes the focus.
    if (!panel.contains(event.target as Node)) last = null;
  };
  const observer = new MutationObserver(() => {
    if (last === null || last.isConnected) return;
    last = null;
    if (document.activeElement !== null && document.activeElement !== document.body) return;
    panel.querySelector<HTMLElement>("[data-focus-home]")?.focus();
  });
  panel.addEventListener("focusin", remember);
  document.addEventListener("pointerdown", forget);
  observer.observe(panel, { childList: true, subtree: true });
  return () => {
    panel.removeEventListener("focusin", remember);
    document.removeEventListener("pointerdown", forget);
    observer.disconnect();
  };
}
