import { render } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { enc, get } from "./api";
import { useData } from "./live";
import { artifactPath, Empty, Problem, projectPath, runPath, useTitle } from "./parts";
import { ArtifactPage } from "./pages/artifact";
import { ArtifactsPage } from "./pages/artifacts";
import { ComparePage } from "./pages/compare";
import { GraphPage } from "./pages/graph";
import { OverviewPage } from "./pages/overview";
import { RunPage } from "./pages/run";
import { RunsPage } from "./pages/runs";
import { VersionPage } from "./pages/version";
import { VersionsPage } from "./pages/versions";
import { Link, navigate, useWhere } from "./router";
import "./style.css";

interface Projects { store: string; project: string; mounts: Record<string, string>; projects: string[] }

function Theme() {
  const [theme, set] = useState(() => localStorage.getItem("theme") ?? "");
  useEffect(() => {
    document.documentElement.dataset.theme = theme;
    localStorage.setItem("theme", theme);
  }, [theme]);
  const dark = theme === "dark" || (theme === "" && matchMedia("(prefers-color-scheme: dark)").matches);
  return (
    <button type="button" class="quiet" onClick={() => set(dark ? "light" : "dark")}
      aria-label={dark ? "Use light colours" : "Use dark colours"} title={dark ? "Light" : "Dark"}>{dark ? "☀" : "☾"}</button>
  );
}

// Its list is ours, not a datalist, which is what preact's types know of.
const combobox = (open: boolean, chosen: number): object => ({
  role: "combobox", "aria-expanded": open, "aria-controls": "hits", "aria-autocomplete": "list", ...(open ? { "aria-activedescendant": `hit-${chosen}` } : {}) });

// Of each kind some, however many the other has.
function some(found: Hit[]): Hit[] {
  const artifacts = found.filter((hit) => hit.kind === "artifact"), runs = found.filter((hit) => hit.kind === "run"), most = 12;
  return [...artifacts.slice(0, Math.max(most / 2, most - runs.length)), ...runs].slice(0, most);
}

interface Hit { kind: "artifact" | "run"; name: string; type?: string; job_type?: string }

function Search({ project }: { project: string }) {
  const [text, setText] = useState("");
  const [hits, setHits] = useState<Hit[]>([]);
  const [sought, setSought] = useState("");  // what the hits are of
  const [chosen, choose] = useState(0);
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => {
    const key = (event: KeyboardEvent) => {
      if (event.key === "/" && !(event.target as HTMLElement).closest("input,textarea,select")) {
        event.preventDefault();
        input.current?.focus();
      }
    };
    addEventListener("keydown", key);
    return () => removeEventListener("keydown", key);
  }, []);
  useEffect(() => {
    if (!text) { setHits([]); setSought(""); return; }
    const abort = new AbortController();
    const timer = setTimeout(() => {
      get<Hit[]>(`/api/projects/${enc(project)}/search?q=${enc(text)}`, abort.signal)
        .then((found) => { setHits(some(found)); setSought(text); choose(0); }).catch(() => {});
    }, 120);
    return () => { clearTimeout(timer); abort.abort(); };
  }, [text, project]);
  const open = (hit: Hit | undefined) => {
    if (!hit) return;
    setText("");
    navigate(hit.kind === "run" ? runPath(project, hit.name) : artifactPath(project, hit.name));
  };
  const key = (event: KeyboardEvent) => {
    if (event.key === "ArrowDown") choose((n) => Math.min(n + 1, hits.length - 1));
    else if (event.key === "ArrowUp") choose((n) => Math.max(n - 1, 0));
    else if (event.key === "Enter") open(hits[chosen]);
    else if (event.key === "Escape") setText("");
    else return;
    event.preventDefault();
  };
  return (
    <div class="search">
      <input ref={input} type="search" placeholder="Search  /" aria-label="Search artifacts and runs" {...combobox(hits.length > 0, chosen)}
        value={text} onKeyDown={key}
        onInput={(event) => setText(event.currentTarget.value)} onBlur={() => setTimeout(() => { if (document.activeElement !== input.current) setText(""); }, 200)} />
      {hits.length > 0 && (
        <ul class="hits" id="hits" role="listbox" aria-label="Found">
          {hits.map((hit, i) => (
            <li key={hit.kind + hit.name} id={`hit-${i}`} role="option" aria-selected={i === chosen} onMouseDown={() => open(hit)}>
              <span class="mono">{hit.name}</span><span class="muted">{hit.kind === "run" ? hit.job_type : hit.type}</span>
            </li>
          ))}
        </ul>
      )}
      {sought !== "" && hits.length === 0 && <p class="hits muted" role="status">No artifact or run has “{sought}” in its name or type.</p>}
    </div>
  );
}

function NotFound() {
  useTitle("Not found");
  return <Empty page title="There is no such page"><p>The address may be cut off. <Link to="/">Go to the project</Link>.</p></Empty>;
}

// `mount`: where the project is mounted, if that is known and so.
function page(project: string, parts: string[], mount: string | null) {
  const [kind, name, version, more] = parts;
  if (more !== undefined) return <NotFound />;
  if (kind === undefined) return <OverviewPage project={project} />;
  if (kind === "graph" && name === undefined) return <GraphPage project={project} />;
  if (kind === "runs" && version === undefined) return name === undefined ? <RunsPage project={project} /> : <RunPage project={project} run={name} />;
  if (kind === "compare" && name === undefined) return <ComparePage project={project} />;
  if (kind === "artifacts") {
    if (name === undefined) return <ArtifactsPage project={project} />;
    if (version === undefined) return <ArtifactPage project={project} artifact={name} />;
    if (version === "compare") return <VersionsPage project={project} artifact={name} />;
    return <VersionPage project={project} artifact={name} version={version} mount={mount} />;
  }
  return <NotFound />;
}

function decoded(part: string): string {
  try { return decodeURIComponent(part); } catch { return part; }
}

function App() {
  const { path } = useWhere();
  const projects = useData<Projects>("/api/projects");
  const parts = path.split("/").slice(1).filter((part) => part !== "").map(decoded);
  const known = projects.data;
  const home = path === "/" && known !== null;
  useEffect(() => { if (home) navigate(projectPath(known.project) + location.search, true); }, [home]);
  const project = parts[0] === "p" ? parts[1] : known?.project;
  const links: [string, string][] = project === undefined ? [] : [
    ["Overview", projectPath(project)], ["Graph", projectPath(project) + "/graph"],
    ["Artifacts", projectPath(project) + "/artifacts"], ["Runs", projectPath(project) + "/runs"]];
  const current = links.filter(([, to]) => path === to || (to !== projectPath(project ?? "") && path.startsWith(to + "/"))).map(([name]) => name)[0]
    ?? (parts[2] === "compare" ? "Runs" : undefined);
  const wide = parts[2] === "graph";
  return (
    <>
      <a class="skip" href="#main">Skip to the page</a>
      <header class="top">
        <Link to="/" class="logo" label="artfs, to the project"><svg viewBox="0 0 32 32" width="26" height="26" aria-hidden="true">
          <rect width="32" height="32" rx="8" /><path d="M9 16h5M14 16l5-6M14 16l5 6" /><circle cx="9" cy="16" r="3.2" />
          <rect x="19" y="7" width="6.4" height="6.4" rx="1.6" class="dot" /><rect x="19" y="19" width="6.4" height="6.4" rx="1.6" class="dot" /></svg></Link>
        {known && project && (known.projects.length > 1
          ? <select class="project" aria-label="Project" value={project} onChange={(event) => navigate(projectPath(event.currentTarget.value))}>
            {known.projects.map((one) => <option key={one}>{one}</option>)}</select>
          : <span class="project">{project}</span>)}
        <nav class="pages" aria-label="Pages">
          {links.map(([name, to]) => <Link key={name} to={to} current={name === current}>{name}</Link>)}
        </nav>
        <span class="grow" />
        {project && <Search project={project} />}
        <Theme />
      </header>
      <main id="main" class={wide ? "wide" : ""} tabIndex={-1}>
        {projects.error && !known ? <Problem error={projects.error} />
          : parts[0] === "p" && project ? page(project, parts.slice(2), known?.mounts[project] ?? null) : path !== "/" ? <NotFound /> : <p class="waiting" role="status">{projects.waiting ? "Loading the project…" : " "}</p>}
      </main>
    </>
  );
}

const root = document.getElementById("app")!;
root.textContent = "";
render(<App />, root);
