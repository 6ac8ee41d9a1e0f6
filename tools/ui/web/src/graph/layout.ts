// Places for nodes, in layers from left to right.
//
// dagre (network simplex, crossing reduction) for graphs that people read node by node; beyond some
// hundreds of nodes or lines its time grows too fast (205 nodes with 1,000 lines took ten seconds),
// and longest-path layers with barycentres are enough to see the shape of thousands.
import * as dagre from "@dagrejs/dagre";

export interface Box { id: string; width: number; height: number }
export interface Line { from: string; to: string }
export interface Placed { x: number; y: number }
export interface Layout { nodes: Placed[]; lines: [number, number][][]; width: number; height: number }

const mostNodes = 500, mostLines = 700;
const layerGap = 56, nodeGap = 18;

export function place(boxes: Box[], lines: Line[]): Layout {
  return boxes.length <= mostNodes && lines.length <= mostLines ? withDagre(boxes, lines) : quickly(boxes, lines);
}

function withDagre(boxes: Box[], lines: Line[]): Layout {
  const graph = new dagre.graphlib.Graph({ multigraph: true });
  graph.setGraph({ rankdir: "LR", nodesep: nodeGap, ranksep: layerGap, edgesep: 10, marginx: 20, marginy: 20, acyclicer: "greedy" });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const box of boxes) graph.setNode(box.id, { width: box.width, height: box.height });
  lines.forEach((line, i) => graph.setEdge(line.from, line.to, {}, String(i)));
  dagre.layout(graph);
  const size = graph.graph();
  const byId = new Map(boxes.map((box) => [box.id, box]));
  const pairs = new Set(lines.map((line) => `${line.from}\n${line.to}`));
  // Forward lines leave at the right and arrive at the left, where dagre would take the nearest side. Of the
  // places where it bends a line to the next layer nothing stands; two that go to and fro are kept apart.
  const ends = (line: Line, points: [number, number][]): [number, number][] => {
    const from = graph.node(line.from), to = graph.node(line.to), half = (id: string) => byId.get(id)!.width / 2;
    const out = from.x + half(line.from), into = to.x - half(line.to);
    const apart = pairs.has(`${line.to}\n${line.from}`) ? 9 : 0;
    if (out < into) return [[out, from.y + apart], ...(points.length > 3 ? points.slice(1, -1).filter(([x]) => x > out && x < into) : []), [into, to.y + apart]];
    const left = from.x - half(line.from), right = to.x + half(line.to);
    return left > right && points.length <= 3 ? [[left, from.y - apart], [right, to.y - apart]] : points;
  };
  return {
    nodes: boxes.map((box) => { const at = graph.node(box.id); return { x: at.x - box.width / 2, y: at.y - box.height / 2 }; }),
    lines: lines.map((line, i) => ends(line, (graph.edge({ v: line.from, w: line.to, name: String(i) }).points ?? []).map((p: { x: number; y: number }) => [p.x, p.y] as [number, number]))),
    width: size.width ?? 0, height: size.height ?? 0,
  };
}

function quickly(boxes: Box[], lines: Line[]): Layout {
  const index = new Map(boxes.map((box, i) => [box.id, i]));
  const ends = lines.map((line) => [index.get(line.from)!, index.get(line.to)!] as const);
  const next: number[][] = boxes.map(() => []), before: number[][] = boxes.map(() => []);
  for (const [from, to] of ends) { next[from].push(to); before[to].push(from); }
  const layer = layersOf(next, before);
  const layers: number[][] = [];
  layer.forEach((at, i) => (layers[at] ??= []).push(i));
  const row = new Array<number>(boxes.length).fill(0);
  const number = () => layers.forEach((members) => members.forEach((one, i) => { row[one] = i / Math.max(1, members.length); }));
  number();
  for (let sweep = 0; sweep < 6; ++sweep) {
    const neighbours = sweep % 2 === 0 ? before : next;
    const weight = (one: number) => neighbours[one].length ? neighbours[one].reduce((sum, other) => sum + row[other], 0) / neighbours[one].length : row[one];
    for (const members of layers) {
      const weights = new Map(members.map((one) => [one, weight(one)]));
      members.sort((a, b) => weights.get(a)! - weights.get(b)!);
    }
    number();
  }
  // A layer of very many is broken into columns, so that the whole has the shape of a screen.
  const rows = Math.max(16, Math.ceil(Math.sqrt(2.1 * boxes.length)));
  const columns = layers.map((members) => {
    const each = Math.ceil(members.length / Math.ceil(members.length / rows));
    return Array.from({ length: Math.ceil(members.length / each) }, (_, i) => members.slice(i * each, (i + 1) * each));
  });
  const height = (members: number[]) => members.reduce((sum, one) => sum + boxes[one].height + nodeGap, 0);
  const tallest = Math.max(...columns.flat().map(height));
  const nodes: Placed[] = new Array(boxes.length);
  let x = 20;
  for (const layer of columns) {
    for (const members of layer) {
      let y = 20 + (tallest - height(members)) / 2;
      for (const one of members) { nodes[one] = { x, y }; y += boxes[one].height + nodeGap; }
      x += Math.max(...members.map((one) => boxes[one].width)) + 2 * nodeGap;
    }
    x += 2.2 * layerGap - 2 * nodeGap;
  }
  return {
    nodes, width: x, height: tallest + 40,
    lines: ends.map(([from, to]) => [
      [nodes[from].x + boxes[from].width, nodes[from].y + boxes[from].height / 2],
      [nodes[to].x, nodes[to].y + boxes[to].height / 2]]),
  };
}

// The longest way from a source; what only a circle reaches keeps the layer it had.
function layersOf(next: number[][], before: number[][]): number[] {
  const layer = new Array<number>(next.length).fill(0), open = before.map((of) => of.length);
  const ready = open.flatMap((n, i) => (n === 0 ? [i] : []));
  for (let at = 0; at < ready.length; ++at)
    for (const to of next[ready[at]]) {
      layer[to] = Math.max(layer[to], layer[ready[at]] + 1);
      if (--open[to] === 0) ready.push(to);
    }
  return layer;
}
