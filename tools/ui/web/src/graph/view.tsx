// The drawing: nodes and edges that can be moved, zoomed, walked with keys and asked about.
import type { RefObject } from "preact";
import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Graph, GraphEdge, GraphNode } from "../api";
import { typeHue } from "../parts";
import type { Box, Layout } from "./layout";

export interface Seen { x: number; y: number; scale: number }
// `whole` draws also what is out of sight, for as long as `work` takes.
export interface Controls { fit: () => void; zoom: (by: number) => void; centre: (id: string) => void; whole: (work: () => Promise<void> | void) => void }
interface Sight { left: number; top: number; right: number; bottom: number }

export function titleOf(node: GraphNode): string {
  if (node.version) return `${node.artifact}:${node.version}`;
  return node.run ?? node.artifact ?? node.type ?? node.job_type ?? node.id;
}
export function subtitleOf(node: GraphNode, form: string): string {
  const noun = node.kind === "run" ? "run" : "version";
  const many = `${node.count.toLocaleString("en")} ${noun}${node.count === 1 ? "" : "s"}`;
  if (form === "collapsed") return many;
  if (form === "names") return node.kind === "run" ? many : `${node.type} · ${many}`;
  return node.kind === "run" ? node.job_type ?? "" : node.type ?? "";
}
export function badStates(node: GraphNode): number {
  const states = node.states ?? {};
  return (states.failed ?? 0) + (states.killed ?? 0) + (states.lost ?? 0);
}

const pen = document.createElement("canvas").getContext("2d")!;
function widthOf(text: string, font: string): number {
  pen.font = `${font} system-ui, sans-serif`;
  return pen.measureText(text).width;
}

function boxOf(node: GraphNode, form: string): Box {
  const failed = badStates(node) > 0 ? " · 000 failed" : "";
  const letters = Math.max(widthOf(titleOf(node), "600 13px"), widthOf(subtitleOf(node, form) + failed, "12px"));
  return { id: node.id, width: Math.min(320, Math.max(96, Math.ceil(letters) + 56)), height: 48 };
}

// Nodes that stand below one another are of the same width, as far as that wastes no room.
function boxesOf(graph: Graph): Box[] {
  const boxes = graph.nodes.map((node) => boxOf(node, graph.form)), widest = new Map<string, number>();
  const family = (node: GraphNode) => (graph.form === "collapsed" ? node.kind : `${node.kind} ${node.kind === "run" ? node.job_type : node.artifact}`);
  graph.nodes.forEach((node, i) => widest.set(family(node), Math.max(widest.get(family(node)) ?? 0, Math.min(boxes[i].width, 220))));
  return boxes.map((box, i) => ({ ...box, width: Math.max(box.width, widest.get(family(graph.nodes[i]))!) }));
}

// Laid out by a worker, so that the page stays awake; the last layout stays until the next is there.
export function useLayout(graph: Graph | null): { graph: Graph; layout: Layout; boxes: Box[] } | null {
  const [state, set] = useState<{ graph: Graph; layout: Layout; boxes: Box[] } | null>(null);
  const worker = useRef<Worker | null>(null);
  const shape = useMemo(() => graph && JSON.stringify([graph.form, graph.nodes.map((one) => one.id), graph.edges.map((one) => [one.from, one.to])]), [graph]);
  useLayoutEffect(() => {
    worker.current = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
    return () => worker.current?.terminate();
  }, []);
  useEffect(() => {
    if (!graph) return;
    const boxes = boxesOf(graph), job = Math.random();
    const done = (event: MessageEvent<{ job: number; layout: Layout }>) => { if (event.data.job === job) set({ graph, layout: event.data.layout, boxes }); };
    worker.current!.addEventListener("message", done);
    worker.current!.postMessage({ job, boxes, lines: graph.edges.map(({ from, to }) => ({ from, to })) });
    return () => worker.current?.removeEventListener("message", done);
  }, [shape]);
  // Counts and states change more often than the shape.
  return state && graph && state.graph.nodes.length === graph.nodes.length && state.graph.form === graph.form ? { ...state, graph } : state;
}

function curve(points: [number, number][]): string {
  if (points.length < 2) return "";
  const [first, ...rest] = points;
  let path = `M${first[0]},${first[1]}`;
  let before = first;
  for (const point of rest) {
    const middle = (before[0] + point[0]) / 2;
    path += `C${middle},${before[1]} ${middle},${point[1]} ${point[0]},${point[1]}`;
    before = point;
  }
  return path;
}

function middle(points: [number, number][]): { x: number; y: number } {
  const after = points[Math.floor(points.length / 2)], before = points[Math.floor((points.length - 1) / 2)];
  return { x: (before[0] + after[0]) / 2, y: (before[1] + after[1]) / 2 };
}

// In SVG the attribute's name has no capital.
const reachable = (stop: boolean): object => ({ tabindex: stop ? 0 : -1 });

interface ViewProps {
  graph: Graph; layout: Layout; boxes: Box[]; chosen: string; edge: string; found: Set<string> | null;
  choose: (id: string) => void; open: (node: GraphNode) => void; ask: (edge: GraphEdge | null, pinned: boolean) => void;
  svg: RefObject<SVGSVGElement | null>; controls: { current: Controls | null };
}

export const edgeKey = (edge: GraphEdge) => `${edge.from}\n${edge.to}\n${edge.kind}`;

export function GraphView({ graph, layout, boxes, chosen, edge: chosenEdge, found, choose, open, ask, svg, controls }: ViewProps) {
  const [seen, see] = useState<Seen>({ x: 0, y: 0, scale: 1 });
  const frame = useRef<HTMLDivElement>(null);
  const drag = useRef<{ x: number; y: number; moved: boolean } | null>(null);
  const [size, resize] = useState({ width: 800, height: 600 });
  const index = useMemo(() => new Map(graph.nodes.map((node, i) => [node.id, i])), [graph]);

  const fit = useCallback(() => {
    const at = frame.current;
    if (!at) return;
    const scale = Math.min(1.25, Math.max(0.02, Math.min(at.clientWidth / layout.width, at.clientHeight / layout.height) * 0.96));
    see({ scale, x: (at.clientWidth - layout.width * scale) / 2, y: (at.clientHeight - layout.height * scale) / 2 });
  }, [layout]);
  const zoom = useCallback((by: number, x?: number, y?: number) => see((was) => {
    const at = { x: x ?? (frame.current?.clientWidth ?? 0) / 2, y: y ?? (frame.current?.clientHeight ?? 0) / 2 };
    const scale = Math.min(3, Math.max(0.02, was.scale * by)), grown = scale / was.scale;
    return { scale, x: at.x - (at.x - was.x) * grown, y: at.y - (at.y - was.y) * grown };
  }), []);
  const centre = useCallback((id: string) => {
    const i = index.get(id), at = frame.current;
    if (i === undefined || !at || !layout.nodes[i]) return;
    see((was) => {
      const scale = Math.max(was.scale, 0.7);
      return { scale, x: at.clientWidth / 2 - (layout.nodes[i].x + boxes[i].width / 2) * scale, y: at.clientHeight / 2 - (layout.nodes[i].y + 24) * scale };
    });
  }, [layout, index]);
  const [whole, draw] = useState<{ work: () => Promise<void> | void } | null>(null);
  useEffect(() => { if (whole) { void whole.work(); draw(null); } }, [whole]);
  controls.current = { fit, zoom, centre, whole: (work) => draw({ work }) };

  // At first: all of it, but where its words could not be read, as on a phone, where it begins.
  useEffect(() => {
    fit();
    const least = 0.5, at = frame.current!;
    if (graph.nodes.length > 100 || Math.min(at.clientWidth / layout.width, at.clientHeight / layout.height) > least) return;
    if (graph.focus) centre(graph.focus);
    else see({ scale: least, x: 12, y: (at.clientHeight - layout.height * least) / 2 });
  }, [layout]);
  useEffect(() => {
    const at = frame.current!;
    const observer = new ResizeObserver(() => resize({ width: at.clientWidth, height: at.clientHeight }));
    observer.observe(at);
    const wheel = (event: WheelEvent) => {
      event.preventDefault();
      const box = at.getBoundingClientRect();
      if (event.ctrlKey || event.metaKey || Math.abs(event.deltaX) < Math.abs(event.deltaY))
        zoom(Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.0016)), event.clientX - box.left, event.clientY - box.top);
      else see((was) => ({ ...was, x: was.x - event.deltaX }));
    };
    at.addEventListener("wheel", wheel, { passive: false });
    return () => { observer.disconnect(); at.removeEventListener("wheel", wheel); };
  }, []);

  // The panel beside takes room when something is chosen: what is chosen stays in sight.
  useEffect(() => {
    const i = chosen ? index.get(chosen) : undefined;
    if (i === undefined || !layout.nodes[i]) return;
    see((was) => {
      const right = (layout.nodes[i].x + boxes[i].width) * was.scale + was.x, over = right - size.width + 24;
      return over > 0 ? { ...was, x: was.x - over } : was;
    });
  }, [size.width, chosen]);

  const pointers = useRef(new Map<number, { x: number; y: number }>());
  const down = (event: PointerEvent) => {
    pointers.current.set(event.pointerId, { x: event.clientX, y: event.clientY });
    drag.current = { x: event.clientX, y: event.clientY, moved: false };
  };
  const move = (event: PointerEvent) => {
    const known = pointers.current.get(event.pointerId);
    if (!known || !drag.current) return;
    const before = [...pointers.current.values()].map((one) => ({ ...one }));
    const dx = event.clientX - known.x, dy = event.clientY - known.y;
    pointers.current.set(event.pointerId, { x: event.clientX, y: event.clientY });
    if (Math.abs(event.clientX - drag.current.x) + Math.abs(event.clientY - drag.current.y) > 4) {
      if (!drag.current.moved) frame.current?.setPointerCapture(event.pointerId);
      drag.current.moved = true;
    }
    const now = [...pointers.current.values()];
    if (now.length === 2) {
      const apart = (two: { x: number; y: number }[]) => Math.hypot(two[0].x - two[1].x, two[0].y - two[1].y);
      const box = frame.current!.getBoundingClientRect();
      zoom(apart(now) / Math.max(1, apart(before)), (now[0].x + now[1].x) / 2 - box.left, (now[0].y + now[1].y) / 2 - box.top);
    } else if (drag.current.moved) see((was) => ({ ...was, x: was.x + dx, y: was.y + dy }));
  };
  const up = (event: PointerEvent) => {
    pointers.current.delete(event.pointerId);
    if (drag.current && !drag.current.moved && event.target === svg.current) { choose(""); ask(null, true); }
  };

  const neighbours = (id: string, forward: boolean) => graph.edges.filter((one) => (forward ? one.from : one.to) === id).map((one) => (forward ? one.to : one.from));
  // The tab key stops at one node; arrows go on from there.
  const stop = index.has(chosen) ? chosen : graph.nodes[0]?.id;
  const goTo = (id: string) => {
    choose(id); centre(id);
    requestAnimationFrame(() => frame.current?.querySelector<SVGGElement>(`[data-node="${CSS.escape(id)}"]`)?.focus());
  };
  const inTheMiddle = () => {
    const x = (size.width / 2 - seen.x) / seen.scale, y = (size.height / 2 - seen.y) / seen.scale;
    const away = layout.nodes.map((at, i) => Math.hypot(at.x + boxes[i].width / 2 - x, at.y + boxes[i].height / 2 - y));
    return graph.nodes[away.indexOf(away.reduce((a, b) => Math.min(a, b), Infinity))]?.id;
  };
  const step = (id: string, key: string): string | undefined => {
    if (key === "ArrowRight") return neighbours(id, true)[0];
    if (key === "ArrowLeft") return neighbours(id, false)[0];
    const i = index.get(id)!, sign = key === "ArrowDown" ? 1 : -1;
    let best: string | undefined, least = Infinity;
    graph.nodes.forEach((node, j) => {
      const dy = (layout.nodes[j].y - layout.nodes[i].y) * sign, dx = Math.abs(layout.nodes[j].x - layout.nodes[i].x);
      if (j !== i && dy > 0 && dy + 3 * dx < least) { least = dy + 3 * dx; best = node.id; }
    });
    return best;
  };
  const key = (event: KeyboardEvent) => {
    const node = (event.target as Element).closest("[data-node]")?.getAttribute("data-node");
    if (event.key.startsWith("Arrow")) {
      if (node && !event.shiftKey) {
        const to = step(node, event.key);
        if (to) goTo(to);
      } else {
        const by = { ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60] }[event.key]!;
        see((was) => ({ ...was, x: was.x + by[0], y: was.y + by[1] }));
      }
    } else if (event.key === "+" || event.key === "=") zoom(1.25);
    else if (event.key === "-") zoom(0.8);
    else if (event.key === "0") fit();
    else if (event.key === "Enter" && node) { if (chosen === node) open(graph.nodes[index.get(node)!]); else choose(node); }
    else if (event.key === "Enter" && event.target === frame.current) { const to = inTheMiddle(); if (to) goTo(to); }
    else if (event.key === "Escape") { choose(""); ask(null, true); }
    else return;
    event.preventDefault();
  };

  const near = useMemo(() => {
    if (!chosen) return null;
    const ids = new Set([chosen]);
    const walk = (forward: boolean) => {
      const links = new Map<string, string[]>();
      for (const one of graph.edges) {
        const [a, b] = forward ? [one.from, one.to] : [one.to, one.from];
        (links.get(a) ?? links.set(a, []).get(a)!).push(b);
      }
      const next = [chosen], done = new Set(next);
      while (next.length) for (const to of links.get(next.pop()!) ?? []) if (!done.has(to)) { done.add(to); ids.add(to); next.push(to); }
    };
    walk(true); walk(false);
    return ids;
  }, [chosen, graph]);

  // Only what is in sight is drawn; from far away, where no text can be read, as few large shapes.
  const far = whole === null && seen.scale < 0.28 && graph.nodes.length > 300;
  // Of very many edges only those of the chosen node can be pointed at.
  const dense = graph.edges.length > 1200;
  const sight = useSight(seen, size);
  const inSight = (x: number, y: number, width: number, height: number) =>
    whole !== null || (x + width > sight.left && y + height > sight.top && x < sight.right && y < sight.bottom);
  const dim = (id: string) => (near !== null && !near.has(id)) || (found !== null && !found.has(id));
  const label = (node: GraphNode) => `${node.kind === "run" ? "Run" : "Artifact"} ${node.id}${node.state ? `, ${node.state}` : ""}${graph.form === "collapsed" || graph.form === "names" ? `, ${subtitleOf(node, graph.form)}${badStates(node) ? `, ${badStates(node)} of them failed` : ""}` : ""}`;
  // Made again when something comes into sight or looks different, not at every step of a pan.
  const links = useMemo(() => far ? [] : graph.edges.map((one, i) => {
    const points = layout.lines[i];
    if (!points?.length || (dense && one.from !== chosen && one.to !== chosen)) return null;
    const xs = points.map((p) => p[0]), ys = points.map((p) => p[1]);
    const [x, y] = [Math.min(...xs), Math.min(...ys)];
    if (!inSight(x, y, Math.max(...xs) - x, Math.max(...ys) - y)) return null;
    const path = curve(points), key = edgeKey(one);
    return (
      <g key={key} class={`link link-${one.kind}${key === chosenEdge ? " chosen" : ""}${dim(one.from) || dim(one.to) ? " dim" : ""}`}
        onPointerEnter={() => ask(one, false)} onPointerLeave={() => ask(null, false)} onClick={() => { if (!drag.current?.moved) ask(one, true); }}>
        <path d={path} class="touch" /><path d={path} class="line" marker-end={`url(#head-${one.kind})`} />
        {one.count > 1 && <text {...middle(points)} dy="4" class="link-count">{one.count.toLocaleString("en")}</text>}
      </g>);
  }), [graph, layout, sight, whole, far, chosen, chosenEdge, near, found]);
  const nodes = useMemo(() => far ? [] : graph.nodes.map((node, i) => {
    const at = layout.nodes[i], box = boxes[i];
    if (!at || !box || !inSight(at.x, at.y, box.width, box.height)) return null;
    const run = node.kind === "run", bad = badStates(node) > 0;
    return (
      <g key={node.id} data-node={node.id} {...reachable(node.id === stop)} role="button" aria-pressed={chosen === node.id} style={{ "--hue": String(typeHue(run ? node.job_type ?? "" : node.type ?? "")) }}
        class={`node node-${node.kind}${bad ? " bad" : ""}${node.state === "running" || node.states?.running ? " live" : ""}${chosen === node.id ? " chosen" : ""}${dim(node.id) ? " dim" : ""}${node.id === graph.focus ? " focus" : ""}`}
        transform={`translate(${at.x},${at.y})`} onClick={() => { if (!drag.current?.moved) choose(node.id); }} onDblClick={() => open(node)}>
        <rect class="body" width={box.width} height={box.height} rx={run ? 6 : 24} />
        {run ? <rect class="mark" x="14" y="18" width="12" height="12" rx="3" /> : <circle class="mark" cx="22" cy="24" r="6.5" />}
        {bad && <path class="cross" d="M17,21L23,27M23,21L17,27" />}
        <text class="title" x="36" y="21">{cut(titleOf(node), box.width < 320 ? Infinity : 32)}</text>
        <text class="subtitle" x="36" y="37">{cut(subtitleOf(node, graph.form), box.width < 320 ? Infinity : 34)}{bad && graph.form !== "exploded" && graph.form !== "segments" ? ` · ${badStates(node)} failed` : bad ? ` · ${node.state}` : ""}</text>
        {(graph.form === "collapsed" || graph.form === "names") && node.count > 1 && <rect class="behind" x="5" y={box.height + 2} width={box.width - 10} height="3" rx="1.5" />}
        <title>{label(node)}</title>
      </g>);
  }), [graph, layout, boxes, sight, whole, far, chosen, near, found]);
  return (
    <div ref={frame} class="canvas" onPointerDown={down} onPointerMove={move} onPointerUp={up} onPointerCancel={up} onKeyDown={key} tabIndex={0}
      role="group" aria-label={`Graph of ${graph.nodes.length.toLocaleString("en")} nodes. Enter goes to the one in the middle; from there arrows walk along edges, Enter opens; plus and minus zoom, 0 fits; arrows here move the view.`}>
      <svg ref={svg} class={far ? "far" : ""} width="100%" height="100%">
        <defs>
          <marker id="head-log" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0,0L8,4L0,8z" class="head-log" /></marker>
          <marker id="head-use" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0,0L8,4L0,8z" class="head-use" /></marker>
        </defs>
        <g class="world" transform={`translate(${seen.x},${seen.y}) scale(${seen.scale})`}>
          {far ? <Far graph={graph} layout={layout} boxes={boxes} /> : <>
            {dense && <FarEdges graph={graph} layout={layout} within={whole ? null : sight} />}{links}{nodes}</>}
        </g>
      </svg>
    </div>
  );
}

// Long names differ at their ends.
const cut = (text: string, letters: number) => (text.length <= letters + 1 ? text : text.slice(0, letters - 12) + "…" + text.slice(-12));

// What a view's width about the middle shows, and as much around it; the same for small steps.
function useSight(seen: Seen, size: { width: number; height: number }): Sight {
  const wide = size.width / seen.scale, high = size.height / seen.scale;
  const column = Math.floor((-2 * seen.x) / seen.scale / wide), row = Math.floor((-2 * seen.y) / seen.scale / high);
  return useMemo(() => ({ left: ((column - 1) * wide) / 2, top: ((row - 1) * high) / 2, right: ((column + 4) * wide) / 2, bottom: ((row + 4) * high) / 2 }), [column, row, wide, high]);
}

// Browsers draw paths of more than some ten thousand pixels very slowly: near by, only those in sight.
function FarEdges({ graph, layout, within }: { graph: Graph; layout: Layout; within: Sight | null }) {
  const paths = useMemo(() => {
    const of = { use: "", log: "" };
    graph.edges.forEach((edge, i) => {
      const points = layout.lines[i];
      if (!points?.length) return;
      const [x, y, u, v] = [...points[0], ...points[points.length - 1]];
      if (within && (Math.max(x, u) < within.left || Math.min(x, u) > within.right || Math.max(y, v) < within.top || Math.min(y, v) > within.bottom)) return;
      of[edge.kind] += curve(points);
    });
    return of;
  }, [graph, layout, within]);
  return <><path class="far-use" d={paths.use} /><path class="far-log" d={paths.log} /></>;
}

function Far({ graph, layout, boxes }: { graph: Graph; layout: Layout; boxes: Box[] }) {
  const shapes = useMemo(() => {
    const paths: Record<string, string> = { artifact: "", run: "", bad: "" };
    graph.nodes.forEach((node, i) => {
      const at = layout.nodes[i], box = boxes[i];
      if (at && box) paths[badStates(node) ? "bad" : node.kind] += `M${at.x},${at.y}h${box.width}v${box.height}h${-box.width}z`;
    });
    return paths;
  }, [graph, layout]);
  return <><FarEdges graph={graph} layout={layout} within={null} />{["artifact", "run", "bad"].map((name) => <path key={name} class={`far-${name}`} d={shapes[name]} />)}</>;
}
