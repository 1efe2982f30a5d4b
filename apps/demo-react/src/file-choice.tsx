import { formatBytes, TEXTS } from "@forge-jobs/demo-shared";
import { type ChangeEvent, type DragEvent, type ReactElement, useState } from "react";
import { Icon } from "./icon.tsx";

/** Where a file is chosen or dropped. */
export function FileChoice({ file, choose }: { file: File | null; choose: (file: File) => void }): ReactElement {
  const [isOver, setOver] = useState(false);
  const over = (event: DragEvent): void => {
    event.preventDefault();
    setOver(true);
  };
  const drop = (event: DragEvent): void => {
    event.preventDefault();
    setOver(false);
    const dropped = event.dataTransfer.files[0];
    if (dropped) choose(dropped);
  };
  const pick = (event: ChangeEvent<HTMLInputElement>): void => {
    const picked = event.currentTarget.files?.[0];
    if (picked) choose(picked);
    // So that the same file can be chosen again after it was mended.
    event.currentTarget.value = "";
  };
  return (
    <label className="drop" data-over={isOver} onDragOver={over} onDragLeave={() => setOver(false)} onDrop={drop}>
      <Icon name="file" size={28} />
      <strong>{file === null ? TEXTS.importChoose : file.name}</strong>
      <span className="small count">
        {file === null ? TEXTS.importDrop : `${formatBytes(file.size)} · ${TEXTS.importOther}`}
      </span>
      <input className="visually-hidden" type="file" accept=".csv,text/csv" onChange={pick} />
    </label>
  );
}
