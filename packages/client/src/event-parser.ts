/**
 * Parses server-sent events by their specification, as far as a gateway uses them: names and data. Takes the body's text in
 * whatever pieces it comes, and says each event once its blank line is there; what has none at the end never was an event.
 */
export function createEventParser(onEvent: (name: string, data: string) => void): (piece: string) => void {
  let rest = "";
  let name = "";
  let data = "";
  return (piece) => {
    // A return at the very end may be the first half of a line's end.
    const lines = (rest + piece).split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop()!;
    for (const line of lines) {
      const [, field, value] = /^([^:]*):? ?(.*)/s.exec(line)!;
      if (field === "data") data += `\n${value}`;
      if (field === "event") name = value!;
      if (line) continue;
      if (data) onEvent(name, data.slice(1));
      name = data = "";
    }
  };
}
