// The small pieces that every page is made of.
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { ApiError } from "./api";
import { enc } from "./api";
import { ago, cut, value, when } from "./format";
import type { Loaded } from "./live";
import { Link } from "./router";

export const projectPath = (project: string) => `/p/${enc(project)}`;
export const runPath = (project: string, run: string) => `${projectPath(project)}/runs/${enc(run)}`;
export const artifactPath = (project: string, artifact: string) => `${projectPath(project)}/artifacts/${enc(artifact)}`;
export const versionPath = (project: string, artifact: string, version: string) => `${artifactPath(project, artifact)}/${enc(version)}`;
export const graphPath = (project: string, focus: string) => `${projectPath(project)}/graph?form=exploded&focus=${enc(focus)}`;

export function useTitle(...parts: string[]) {
  const title = [...parts, "artfs"].join(" · ");
  useEffect(() => { document.title = title; }, [title]);
}

const signs: Record<string, string> = { finished: "✓", failed: "✕", killed: "✕", lost: "?", running: "●", lingering: "●" };
export function State({ of }: { of: string }) {
  return <span class={`state state-${of}`}><span aria-hidden="true">{signs[of] ?? "•"}</span> {of}</span>;
}

// A colour of its own for each type, the same on every page.
export function typeHue(type: string): number {
  const known: Record<string, number> = { dataset: 214, model: 268, checkpoint: 172, result: 32 };
  if (known[type] !== undefined) return known[type];
  let hash = 0;
  for (const c of type) hash = (hash * 31 + c.charCodeAt(0)) >>> 0;
  return [330, 190, 90, 48, 290, 12, 150, 240][hash % 8];
}
export function Type({ of }: { of: string }) {
  return <span class="type" style={{ "--hue": String(typeHue(of)) }}>{of}</span>;
}

export function Tags({ of, kind }: { of: string[]; kind: "alias" | "tag" }) {
  return <>{of.map((name) => <span key={name} title={name.length > 24 ? name : undefined} class={`chip chip-${kind}${name === "latest" ? " chip-latest" : ""}`}>{name}</span>)}</>;
}

export function Time({ of }: { of: string }) {
  const [, tick] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => tick((n) => n + 1), 30000);
    return () => clearInterval(timer);
  }, []);
  return <time dateTime={of} title={when(of)}>{ago(of)}</time>;
}

// What is wider than the page: keys can move it too, where there is anything to move.
export function Scroll({ label, class: more = "", children }: { label: string; class?: string; children: ComponentChildren }) {
  const box = useRef<HTMLDivElement>(null);
  const [wider, set] = useState(false);
  useEffect(() => {
    const at = box.current!, look = () => set(at.scrollWidth > at.clientWidth);
    const observer = new ResizeObserver(look);
    observer.observe(at);
    if (at.firstElementChild) observer.observe(at.firstElementChild);
    return () => observer.disconnect();
  }, []);
  return <div ref={box} class={`scroll ${more}`} {...(wider ? { tabIndex: 0, role: "region", "aria-label": label } : {})}>{children}</div>;
}

export function Empty({ title, page, children }: { title: string; page?: boolean; children?: ComponentChildren }) {
  return <div class="empty">{page ? <h1 class="empty-title">{title}</h1> : <p class="empty-title">{title}</p>}<div class="empty-text">{children}</div></div>;
}

export function Problem({ error }: { error: ApiError }) {
  const titles: Record<number, string> = { 0: "No answer", 401: "The token is missing or wrong", 403: "Refused", 404: "Not found", 503: "The store went away" };
  return (
    <div class="problem" role="alert">
      <p class="empty-title">{titles[error.status] ?? "This did not work"}</p>
      <p>{error.message}</p>
      {error.status === 401 && <p>Open the address that <code>art ui</code> printed, with its <code>?token=…</code>.</p>}
    </div>
  );
}

// Waits in words, shows what went wrong, else the page.
// `page`: the name of what is shown, a heading where there is nothing else.
export function Shown<T>({ of, what, page, children }: { of: Loaded<T>; what: string; page?: string; children: (data: T) => ComponentChildren }) {
  if (of.data) return <>{of.error && <Problem error={of.error} />}{children(of.data)}</>;
  if (of.error) return <>{page && <div class="head"><h1 class="mono">{page}</h1></div>}<Problem error={of.error} /></>;
  return <p class="waiting" role="status">{of.waiting ? `Loading ${what}…` : " "}</p>;
}

// What a page leaves out of a very long list is said.
export function Rest({ of, shown }: { of: number; shown: number }) {
  return of > shown ? <p class="muted pad rest">and {(of - shown).toLocaleString("en")} more</p> : null;
}

export function Section({ title, children, side, id }: { title: string; children: ComponentChildren; side?: ComponentChildren; id?: string }) {
  return (
    <section class="card" aria-label={title} id={id}>
      <header class="card-head"><h2>{title}</h2>{side && <div class="card-side">{side}</div>}</header>
      {children}
    </section>
  );
}

export function Facts({ rows }: { rows: [string, ComponentChildren][] }) {
  return (
    <dl class="facts">
      {rows.map(([name, of]) => <div key={name} class="fact"><dt>{name}</dt><dd>{of}</dd></div>)}
    </dl>
  );
}

export function Values({ of, empty }: { of: Record<string, unknown>; empty: string }) {
  const rows = Object.entries(of);
  if (rows.length === 0) return <p class="muted pad">{empty}</p>;
  return (
    <table class="values"><tbody>
      {rows.map(([key, one]) => <tr key={key}><th scope="row">{key}</th><td>{value(one)}</td></tr>)}
    </tbody></table>
  );
}

export function Copy({ text }: { text: string }) {
  const [done, set] = useState(false);
  const copy = async () => {
    try { await navigator.clipboard.writeText(text); } catch { return; }
    set(true);
    setTimeout(() => set(false), 1500);
  };
  return (
    <div class="copy"><code tabIndex={0}>{text}</code>
      <button type="button" class="small" onClick={copy} aria-label={`Copy: ${text}`}>{done ? "copied" : "copy"}</button>
    </div>
  );
}

export function Crumbs({ of }: { of: [string, string | null][] }) {
  return (
    <nav class="crumbs" aria-label="Where you are">
      {of.map(([name, to]) => <span key={name}>{to ? <Link to={to}>{name}</Link> : <span aria-current="page">{name}</span>}</span>)}
    </nav>
  );
}

export function Name({ of }: { of: string }) {
  return <>{cut(of)}</>;
}
const long = (name: string) => (name.length > 36 ? { label: name, title: name } : {});

export function VersionLink({ project, artifact, version }: { project: string; artifact: string; version: string }) {
  const name = `${artifact}:${version}`;
  return <Link class="mono" to={versionPath(project, artifact, version)} {...long(name)}><Name of={name} /></Link>;
}
export function RunLink({ project, run }: { project: string; run: string }) {
  return <Link class="mono" to={runPath(project, run)} {...long(run)}><Name of={run} /></Link>;
}
