const ESCAPES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** A page that says one thing, in the colours of the demo. It needs no script and no other file, so that it opens everywhere. */
export function answerPage(title: string, sentence: string): string {
  return `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <meta name="color-scheme" content="light dark" />
    <title>${escaped(title)} · Forge demo</title>
    <style>
      :root { color-scheme: light dark; }
      body {
        display: grid; place-items: center; min-height: 100vh; margin: 0; padding: 16px; box-sizing: border-box;
        background: light-dark(oklch(0.982 0.004 270), oklch(0.175 0.014 270));
        color: light-dark(oklch(0.235 0.025 270), oklch(0.945 0.007 270));
        font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Noto Sans", sans-serif;
      }
      main {
        max-width: 44ch; padding: 24px; border: 1px solid light-dark(oklch(0.905 0.008 270), oklch(0.315 0.018 270));
        border-radius: 14px; background: light-dark(oklch(1 0 0), oklch(0.217 0.016 270)); overflow-wrap: anywhere;
      }
      h1 { margin: 0 0 8px; font-size: 1.5rem; line-height: 1.2; letter-spacing: -0.015em; }
      p { margin: 0; }
    </style>
  </head>
  <body>
    <main>
      <h1>${escaped(title)}</h1>
      <p>${escaped(sentence)}</p>
    </main>
  </body>
</html>
`;
}

function escaped(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => ESCAPES[character]!);
}
