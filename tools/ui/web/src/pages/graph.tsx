import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Graph, GraphEdge, GraphNode } from "../api";
import { enc, query } from "../api";
import { badStates, edgeKey, GraphView, subtitleOf, titleOf, useLayout, type Controls } from "../graph/view";
import { savePng, saveSvg } from "../graph/picture";
import { useData } from "../live";
import { artifactPath, Empty, Problem, projectPath, Rest, runPath, State, useTitle, versionPath } from "../parts";
import { Link, navigate, setQuery, useWhere } from "../router";

const forms: [string, string][] = [["collapsed", "Collapsed"], ["names", "By name"], ["exploded", "Explode"], ["segments", "Segments"]];
const times: [string, string][] = [["", "Any time"], ["3600", "Last hour"], ["86400", "Last day"], ["604800", "Last week"], ["2592000", "Last 30 days"]];

function pageOf(project: string, node: GraphNode): string | null {
  if (node.run) return runPath(project, node.run);
  if (node.artifact && node.version) return versionPath(project, node.artifact, node.version);
  if (node.artifact) return artifactPath(project, node.artifact);
  if (node.kind === "run") return `${projectPath(project)}/runs${query({ job_type: node.job_type })}`;
  return `${projectPath(project)}/artifacts`;
}

export function GraphPage({ project }: { project: string }) {
  useTitle("Graph", project);
  const { search } = useWhere();
  const of = (key: string) => search.get(key) ?? "";
  const form = of("form") || "collapsed", focus = of("focus");
  const asked = query({ form, focus, direction: of("direction"), depth: of("depth"), type: of("type"), job_type: of("job_type"), state: of("state"), since: of("since"), q: focus ? "" : of("q") });
  const loaded = useData<Graph>(`/api/projects/${enc(project)}/graph${asked}`);
  const last = useRef<Graph | null>(null);
  if (loaded.data) last.current = loaded.data;
  const graph = loaded.data ?? last.current;
  const laid = useLayout(graph);
  const [chosen, choose] = useState(focus);
  const [edge, setEdge] = useState<{ edge: GraphEdge; pinned: boolean } | null>(null);
  const [text, setText] = useState("");
  const svg = useRef<SVGSVGElement>(null), controls = useRef<Controls | null>(null);
  const full = graph?.form === "exploded" || graph?.form === "segments";
  useEffect(() => { choose(graph?.focus ?? ""); setEdge(null); }, [graph?.focus, form]);

  const fitting = (words: string) => (words && laid ? laid.graph.nodes.filter((node) => node.id.toLowerCase().includes(words.toLowerCase())).map((node) => node.id) : []);
  const found = useMemo(() => (text && laid ? new Set(fitting(text)) : null), [text, laid]);
  const ask = (one: GraphEdge | null, pinned: boolean) => setEdge((before) => {
    if (one) return { edge: one, pinned: pinned || (before?.pinned === true && edgeKey(before.edge) === edgeKey(one)) };
    return pinned || !before?.pinned ? null : before;
  });
  const open = (node: GraphNode) => { const to = pageOf(project, node); if (to) navigate(to); };
  const node = laid?.graph.nodes.find((one) => one.id === chosen);
  const select = (key: string, label: string, values: [string, string][]) => (
    <select aria-label={label} value={of(key)} onChange={(event) => setQuery({ [key]: event.currentTarget.value })}>{values.map(([value, name]) => <option key={value} value={value}>{name}</option>)}</select>);
  const name = `${project}-graph`;
  return (
    <div class="graph-page">
      <h1 class="hidden">Graph of {project}</h1>
      <div class="bar">
        <div class="segments" role="group" aria-label="Form">
          {forms.map(([value, title]) => <button key={value} type="button" aria-pressed={form === value} onClick={() => setQuery({ form: value === "collapsed" ? null : value, ...(value === "collapsed" || value === "names" ? { focus: null } : {}) }, false)}>{title}</button>)}
        </div>
        <input type="search" placeholder="Find a node" aria-label="Find a node" value={text} onInput={(event) => setText(event.currentTarget.value)}
          onKeyDown={(event) => { if (event.key === "Enter") { const first = fitting(event.currentTarget.value)[0]; if (first) { choose(first); controls.current?.centre(first); } } }} />
        {select("type", "Artifact type", [["", "All types"], ...(graph?.types ?? []).map((one) => [one, one] as [string, string])])}
        {select("job_type", "Job type", [["", "All jobs"], ...(graph?.job_types ?? []).map((one) => [one, one] as [string, string])])}
        {select("state", "State", [["", "All states"], ["finished", "finished"], ["failed,killed,lost", "failed"], ["running", "running"]])}
        {select("since", "Time", times)}
        <span class="grow" />
        <div class="segments" role="group" aria-label="View">
          <button type="button" aria-label="Zoom in" title="Zoom in  +" onClick={() => controls.current?.zoom(1.25)}>+</button>
          <button type="button" aria-label="Zoom out" title="Zoom out  −" onClick={() => controls.current?.zoom(0.8)}>−</button>
          <button type="button" title="Fit  0" onClick={() => controls.current?.fit()}>Fit</button>
        </div>
        <div class="segments" role="group" aria-label="Save the picture">
          <button type="button" disabled={!laid} onClick={() => controls.current?.whole(() => saveSvg(svg.current!, laid!.layout.width, laid!.layout.height, name))}>SVG</button>
          <button type="button" disabled={!laid} onClick={() => controls.current?.whole(() => savePng(svg.current!, laid!.layout.width, laid!.layout.height, name))}>PNG</button>
        </div>
      </div>
      {/* One element, whatever is in it: else the drawing beside is made anew, and its view lost. */}
      <div>
        {focus !== "" && <div class="notice row"><span>Only what <strong class="mono">{graph?.focus ?? focus}</strong> came from and went into.</span>
          <div class="segments" role="group" aria-label="Direction">{(["both", "up", "down"] as const).map((one) => <button key={one} type="button" class="small" aria-pressed={(of("direction") || "both") === one} onClick={() => setQuery({ direction: one === "both" ? null : one })}>{{ both: "both ways", up: "came from", down: "went into" }[one]}</button>)}</div>
          <button type="button" class="small" onClick={() => setQuery({ focus: null, direction: null }, false)}>Show everything</button></div>}
        {focus === "" && of("q") !== "" && <div class="notice row"><span>Only what has <strong class="mono">{of("q")}</strong> in its name, and what that is joined to.</span>
          <button type="button" class="small" onClick={() => setQuery({ q: null }, false)}>Show everything</button></div>}
        {graph?.clustered && <p class="notice" role="status">{graph.instances.toLocaleString("en")} nodes are more than {graph.most_nodes.toLocaleString("en")}: they are drawn {graph.form === "names" ? "by artifact and job type" : "by type"}. Filter, or focus on one node, to see each.</p>}
        {found !== null && <p class="notice" role="status">{found.size === 0 ? `No node has “${text}” in its name.` : `${found.size} found; Enter goes to the first.`}</p>}
        {loaded.error && <Problem error={loaded.error} />}
      </div>
      <div class="graph-body">
        {laid && graph && graph.nodes.length > 0 ? (
          <GraphView graph={laid.graph} layout={laid.layout} boxes={laid.boxes} chosen={chosen} edge={edge ? edgeKey(edge.edge) : ""} found={found} choose={choose} open={open} ask={ask} svg={svg} controls={controls} />
        ) : graph && graph.nodes.length === 0 ? <Empty title={location.search ? "Nothing fits" : "Nothing to draw yet"}><p>{location.search ? "Take a filter away." : "A program that reads or writes on the mount makes the first nodes."}</p></Empty>
          : !loaded.error && <p class="waiting" role="status">{loaded.waiting || loaded.data ? "Drawing the graph…" : " "}</p>}
        {(node || edge) && laid && (
          <aside class="side" aria-label="Chosen">
            {edge ? <EdgeInfo key={edgeKey(edge.edge)} project={project} graph={laid.graph} edge={edge.edge} pinned={edge.pinned} close={() => setEdge(null)} />
              : node && <NodeInfo project={project} graph={laid.graph} node={node} full={full} choose={(id) => { choose(id); controls.current?.centre(id); }} ask={(one) => setEdge({ edge: one, pinned: true })} close={() => choose("")} />}
          </aside>)}
      </div>
      <p class="key" aria-hidden="true"><span><i class="key-artifact" /> artifact</span><span><i class="key-run" /> run</span><span><i class="key-bad" /> failed</span><span><i class="key-use" /> use</span><span><i class="key-log" /> log</span>
        {graph && <span class="grow right">{graph.nodes.length.toLocaleString("en")} nodes, {graph.edges.length.toLocaleString("en")} edges</span>}</p>
    </div>
  );
}

function NodeInfo({ project, graph, node, full, choose, ask, close }: { project: string; graph: Graph; node: GraphNode; full: boolean; choose: (id: string) => void; ask: (edge: GraphEdge) => void; close: () => void }) {
  const inputs = graph.edges.filter((one) => one.to === node.id), outputs = graph.edges.filter((one) => one.from === node.id);
  const to = pageOf(project, node);
  const list = (title: string, edges: GraphEdge[], end: "from" | "to") => edges.length > 0 && (
    <><h3>{title}</h3><ul class="names">{edges.slice(0, 30).map((one) => <li key={one[end]}><button type="button" class="text-button mono" onClick={() => choose(one[end])}>{one[end]}</button>{full && one.kind === "use" && <> <button type="button" class="text-button small-text" aria-label={`Files of ${one.from} that ${one.to} used`} onClick={() => ask(one)}>files</button></>}</li>)}{edges.length > 30 && <li class="muted">and {edges.length - 30} more</li>}</ul></>);
  return (
    <>
      <header><h2 class="mono break">{titleOf(node)}</h2><button type="button" class="quiet" aria-label="Close" onClick={close}>×</button></header>
      <p class="muted">{subtitleOf(node, graph.form)} {node.state && <State of={node.state} />}{!node.state && badStates(node) > 0 && <span class="state state-failed">{badStates(node)} failed</span>}</p>
      <p class="row">{to && <Link class="button primary" to={to}>Open</Link>}
        {full && <button type="button" onClick={() => setQuery({ focus: node.id }, false)}>Focus</button>}
        {!full && <button type="button" onClick={() => setQuery({ form: "exploded", ...(node.kind === "run" ? { job_type: node.job_type ?? null } : node.artifact ? { q: node.artifact } : { type: node.type ?? null }) }, false)}>Explode</button>}</p>
      {list(node.kind === "run" ? "Uses" : "Made by", inputs, "from")}
      {list(node.kind === "run" ? "Logs" : "Used by", outputs, "to")}
    </>
  );
}

interface EdgeFiles { artifact: string; version: string; run: string; files: string[]; count: number; of: number }

function EdgeInfo({ project, graph, edge, pinned, close }: { project: string; graph: Graph; edge: GraphEdge; pinned: boolean; close: () => void }) {
  const ends = [edge.from, edge.to].map((id) => graph.nodes.find((one) => one.id === id));
  const version = ends.find((one) => one?.kind === "artifact"), run = ends.find((one) => one?.kind === "run");
  const exact = edge.kind === "use" && version?.version && run?.run;
  const files = useData<EdgeFiles>(exact ? `/api/projects/${enc(project)}/edge${query({ artifact: version!.artifact, version: version!.version, run: run!.run })}` : null);
  return (
    <>
      <header><h2>{edge.kind === "use" ? "Use" : "Log"}</h2>{pinned && <button type="button" class="quiet" aria-label="Close" onClick={close}>×</button>}</header>
      <p class="mono break">{edge.from}<br /><span class="muted">→</span> {edge.to}</p>
      {edge.count > 1 && <p class="muted">{edge.count.toLocaleString("en")} edges</p>}
      {exact && files.data && (files.data.files.length === 0 ? <p class="muted">No file of it was opened.</p> : <>
        <h3>Files it opened</h3>
        <ul class="names" data-testid="edge-files">{files.data.files.map((file) => <li key={file} class="mono">{file}</li>)}</ul><Rest of={files.data.count} shown={files.data.files.length} />
        <p class="muted">{files.data.count} of {files.data.of} in the version</p></>)}
      {files.waiting && !files.data && <p class="muted" role="status">Loading the files…</p>}
      {files.error && <Problem error={files.error} />}
      {!exact && edge.kind === "use" && edge.count > 0 && !run?.run && <p class="muted">Explode the graph to see the files of each use.</p>}
    </>
  );
}
