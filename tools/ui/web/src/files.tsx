// The files of a version: a tree that loads a directory when it is opened, and a preview of one file.
import { useState } from "preact/hooks";
import type { FileRow, Preview } from "./api";
import { enc, query } from "./api";
import { count, size } from "./format";
import { useData } from "./live";
import { Rest, Scroll, Shown } from "./parts";

interface Listing { dir: string; files: FileRow[]; more: boolean }
interface TreeProps { base: string; dir: string; chosen: string; choose: (path: string) => void; depth?: number }

export function Tree({ base, dir, chosen, choose, depth = 0 }: TreeProps) {
  const [limit, setLimit] = useState(500);
  const listing = useData<Listing>(`${base}/files${query({ dir, limit })}`);
  return (
    <Shown of={listing} what="the files">{(data) => (
      <ul class="tree" role={depth === 0 ? "tree" : "group"} aria-label={depth === 0 ? "Files" : undefined}>
        {data.files.length === 0 && <li class="muted pad">No files.</li>}
        {data.files.map((file) => <Branch key={file.name} base={base} path={dir ? `${dir}/${file.name}` : file.name} file={file} chosen={chosen} choose={choose} depth={depth} />)}
        {data.more && <li><button type="button" class="small" onClick={() => setLimit(limit + 2000)}>Show more</button></li>}
      </ul>)}
    </Shown>
  );
}

function Branch({ base, path, file, chosen, choose, depth }: { base: string; path: string; file: FileRow; chosen: string; choose: (path: string) => void; depth: number }) {
  const [open, set] = useState(chosen.startsWith(path + "/"));
  const pick = () => (file.type === "dir" ? set(!open) : choose(path));
  return (
    <li role="treeitem" aria-expanded={file.type === "dir" ? open : undefined} aria-selected={chosen === path}>
      <button type="button" class={`leaf${chosen === path ? " chosen" : ""}`} style={{ paddingLeft: `${12 + depth * 16}px` }} onClick={pick}>
        <span aria-hidden="true" class="leaf-sign">{file.type === "dir" ? (open ? "▾" : "▸") : file.type === "symlink" ? "↪" : "·"}</span>
        <span class="leaf-name">{file.name}{file.type === "dir" ? "/" : ""}{file.target !== undefined && <span class="muted"> → {file.target}</span>}</span>
        <span class="muted num">{file.type === "dir" ? count(file.entries ?? 0, "entry") : size(file.size)}</span>
      </button>
      {open && file.type === "dir" && <Tree base={base} dir={path} chosen={chosen} choose={choose} depth={depth + 1} />}
    </li>
  );
}

export const fileAddress = (base: string, path: string, download = false) => `${base}/file${query({ path, download })}`;

export function FileView({ base, path, reference }: { base: string; path: string; reference: string }) {
  const loaded = useData<FileRow & { preview?: Preview }>(`${base}/preview?path=${enc(path)}`);
  return (
    <Shown of={loaded} what={path}>{(file) => (
      <div class="file">
        <header class="file-head"><strong class="mono">{path}</strong><span class="muted">{size(file.size)}</span><span class="grow" />
          {file.type === "file" && <a class="button small" href={fileAddress(base, path, true)} download>Download</a>}</header>
        {file.target !== undefined && <p class="pad">A link to <code>{file.target}</code>.</p>}
        {file.preview && <Body of={file.preview} address={fileAddress(base, path)} path={path} />}
        <footer class="muted small-text pad">{file.sha256 && <>sha256 <span class="mono break">{file.sha256}</span> · </>}<code>art cat {reference}/{path}</code></footer>
      </div>)}
    </Shown>
  );
}

function Body({ of, address, path }: { of: Preview; address: string; path: string }) {
  if (of.kind === "image") return <div class="picture"><img src={address} alt={path} /></div>;
  if (of.kind === "tensors") return <Tensors of={of.tensors ?? []} />;
  if (of.kind === "binary") return <div class="pad"><p class="muted">{of.note ? `Cannot be shown: ${of.note}.` : "A binary file. It starts with:"}</p><pre class="hex">{(of.hex ?? "").replace(/(..)/g, "$1 ").replace(/((?:.. ){16})/g, "$1\n")}</pre></div>;
  const note = of.truncated && <p class="muted pad">Only the start is shown: the file is larger.</p>;
  if (of.kind === "csv") return <>{note}<Table text={of.text ?? ""} separator={path.endsWith(".tsv") ? "\t" : ","} /></>;
  if (of.kind === "json" && !of.truncated) {
    try { return <pre class="text">{JSON.stringify(JSON.parse(of.text ?? ""), null, 2)}</pre>; } catch { /* shown as it is */ }
  }
  return <>{note}<pre class="text">{of.text}</pre></>;
}

const mostTensors = 2000, mostRows = 200, mostColumns = 60;

function Tensors({ of }: { of: { name: string; shape: number[]; dtype: string }[] }) {
  const numbers = of.reduce((sum, one) => sum + one.shape.reduce((product, n) => product * n, 1), 0);
  return (
    <>
      <p class="muted pad">{count(of.length, "tensor")}, {numbers.toLocaleString("en")} numbers. Read from the headers: nothing in the file was run.</p>
      <Scroll label="Tensors"><table class="list"><thead><tr><th>Tensor</th><th>Shape</th><th>Type</th><th>Numbers</th></tr></thead><tbody>
        {of.slice(0, mostTensors).map((one) => <tr key={one.name}><td class="mono">{one.name}</td><td class="mono">{one.shape.length ? one.shape.join(" × ") : "scalar"}</td><td class="mono">{one.dtype}</td><td class="num">{one.shape.reduce((product, n) => product * n, 1).toLocaleString("en")}</td></tr>)}
      </tbody></table></Scroll>
      <Rest of={of.length} shown={mostTensors} />
    </>
  );
}

// RFC 4180, of the first rows.
export function rowsOf(text: string, separator: string, most: number): string[][] {
  const rows: string[][] = [];
  let row: string[] = [], cell = "", quoted = false;
  for (let i = 0; i < text.length && rows.length < most; ++i) {
    const c = text[i];
    if (quoted) {
      if (c !== '"') cell += c;
      else if (text[i + 1] === '"') { cell += c; ++i; } else quoted = false;
    } else if (c === '"' && cell === "") quoted = true;
    else if (c === separator) { row.push(cell); cell = ""; }
    else if (c === "\n") { row.push(cell.replace(/\r$/, "")); rows.push(row); row = []; cell = ""; }
    else cell += c;
  }
  if (rows.length < most && (cell !== "" || row.length > 0)) rows.push([...row, cell]);
  return rows;
}

function Table({ text, separator }: { text: string; separator: string }) {
  const [head, ...rows] = rowsOf(text, separator, mostRows + 2);
  if (!head) return <p class="muted pad">The file is empty.</p>;
  return (
    <>{(rows.length > mostRows || head.length > mostColumns) && <p class="muted pad">Of more, {count(Math.min(rows.length, mostRows), "row")} and {count(Math.min(head.length, mostColumns), "column")} are shown.</p>}
      <Scroll label="Table"><table class="list"><thead><tr>{head.slice(0, mostColumns).map((cell, i) => <th key={i}>{cell}</th>)}</tr></thead>
        <tbody>{rows.slice(0, mostRows).map((row, i) => <tr key={i}>{row.slice(0, mostColumns).map((cell, j) => <td key={j}>{cell}</td>)}</tr>)}</tbody></table></Scroll></>
  );
}
