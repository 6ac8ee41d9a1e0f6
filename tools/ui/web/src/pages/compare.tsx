import { useEffect, useState } from "preact/hooks";
import type { ApiError, FullRun, Metrics } from "../api";
import { enc, get } from "../api";
import { axisNames } from "../axes";
import { Charts, palette } from "../charts";
import { flat, number, value } from "../format";
import { onChange } from "../live";
import { Crumbs, Empty, Name, Problem, projectPath, RunLink, Scroll, Section, State, Time, useTitle } from "../parts";
import { useWhere } from "../router";

const most = 20;

interface Both { run: FullRun; metrics: Metrics }

function useRuns(project: string, names: string[]) {
  const [state, set] = useState<{ runs: Both[] | null; error: ApiError | null }>({ runs: null, error: null });
  const key = names.join(",");
  useEffect(() => {
    if (names.length === 0) return;
    const abort = new AbortController();
    const base = (name: string) => `/api/projects/${enc(project)}/runs/${enc(name)}`;
    const load = () => Promise.all(names.map(async (name) => ({
      run: await get<FullRun>(base(name), abort.signal), metrics: await get<Metrics>(`${base(name)}/metrics?most=4000`, abort.signal) })))
      .then((runs) => set({ runs, error: null }), (error) => { if (!abort.signal.aborted) set({ runs: null, error }); });
    void load();
    const off = onChange(() => void load());
    return () => { abort.abort(); off(); };
  }, [project, key]);
  return state;
}

export function ComparePage({ project }: { project: string }) {
  const { search } = useWhere();
  const wanted = (search.get("runs") ?? "").split(",").filter((name) => name !== "");
  const names = wanted.slice(0, most);
  useTitle(`Compare ${names.length} runs`, project);
  const { runs, error } = useRuns(project, names);
  return (
    <>
      <Crumbs of={[["Runs", projectPath(project) + "/runs"], [`Compare ${names.length}`, null]]} />
      <div class="head"><h1>Compare {names.length} runs</h1></div>
      {wanted.length > most && <p class="notice" role="status">Only the first {most} of {wanted.length} are compared.</p>}
      {error && <Problem error={error} />}
      {names.length === 0 && <Empty title="No run is chosen"><p>Choose two or more in the table of runs.</p></Empty>}
      {runs && <Compared project={project} runs={runs} />}
      {!runs && !error && names.length > 0 && <p class="waiting" role="status">Loading the runs…</p>}
    </>
  );
}

function Compared({ project, runs }: { project: string; runs: Both[] }) {
  const [all, showAll] = useState(false);
  const metrics = runs.map((one) => one.metrics);
  const rows = (of: (run: FullRun) => Record<string, unknown>) => {
    const leaves = runs.map((one) => flat(of(one.run)));
    const keys = [...new Set(leaves.flatMap((one) => Object.keys(one)))].sort();
    return keys.map((key) => ({ key, values: leaves.map((one) => one[key]) }))
      .filter((row) => all || new Set(row.values.map(value)).size > 1);
  };
  const group = (title: string, of: (run: FullRun) => Record<string, unknown>) => {
    const found = rows(of);
    return (
      <tbody><tr class="group"><th colSpan={runs.length + 1} scope="rowgroup">{title}</th></tr>
        {found.length === 0 && <tr><td colSpan={runs.length + 1} class="muted">no difference</td></tr>}
        {found.map((row) => <tr key={row.key}><th scope="row" class="mono">{row.key}</th>{row.values.map((one, i) => <td key={i} class="num left">{one === undefined ? "–" : value(one)}</td>)}</tr>)}
      </tbody>);
  };
  return (
    <>
      <ul class="legend">{runs.map((one, i) => <li key={one.run.id}><span class="swatch" style={{ background: palette[i % palette.length] }} /><RunLink project={project} run={one.run.name} /> <span class="muted">{one.run.job_type}</span> <State of={one.run.state} /> <Time of={one.run.started} /></li>)}</ul>
      {metrics.some((one) => one.shown > 0) ? <Section title="Metrics"><Charts metrics={metrics} /></Section> : <Section title="Metrics"><p class="muted pad">None of them wrote metrics.</p></Section>}
      <Section title="Differences" side={<label><input type="checkbox" checked={all} onChange={(event) => showAll(event.currentTarget.checked)} /> Also what is the same</label>}>
        <Scroll label="Differences"><table class="list"><thead><tr><th><span class="hidden">Key</span></th>{runs.map((one, i) => <th key={one.run.id}><span class="swatch" style={{ background: palette[i % palette.length] }} /><Name of={one.run.name} /></th>)}</tr></thead>
          {group("Config", (run) => run.config)}{group("Summary", (run) => run.summary)}
          {group("Inputs", (run) => Object.fromEntries(run.uses.map((use) => [use.artifact, use.version])))}
        </table></Scroll>
      </Section>
      <Section title="Parallel coordinates"><Parallel runs={runs} /></Section>
    </>
  );
}

interface Axis { key: string; words: string[] | null; least: number; most: number }

// Numbers, and words of which there are few, where the runs differ in them.
function axisOf(key: string, points: Record<string, unknown>[]): Axis | null {
  const values = points.map((one) => one[key]).filter((one) => one !== undefined && one !== null);
  const numbers = values.filter((one): one is number => typeof one === "number");
  if (numbers.length === values.length)
    return new Set(numbers).size > 1 ? { key, words: null, least: Math.min(...numbers), most: Math.max(...numbers) } : null;
  const words = [...new Set(values.map(value))].sort();
  return words.length > 1 && words.length <= 12 && words.every((word) => word.length <= 24) ? { key, words, least: 0, most: words.length - 1 } : null;
}

// One line a run through one axis for each thing in which they differ; the last axes are results.
function Parallel({ runs }: { runs: Both[] }) {
  const points = runs.map((one) => ({ ...prefixed("", flat(one.run.config)), ...prefixed("→ ", lastOf(one.metrics)), ...prefixed("→ ", flat(one.run.summary)) }));
  const axes = [...new Set(points.flatMap((one) => Object.keys(one)))].flatMap((key) => axisOf(key, points) ?? []).slice(0, 10);
  if (axes.length < 2) return <p class="muted pad">The runs differ in fewer than two values of config, metrics and summary.</p>;
  const width = 1000, height = 300, left = 70, right = 930, top = 46, bottom = 270;
  const x = (i: number) => left + (i * (right - left)) / (axes.length - 1);
  const y = (axis: Axis, of: unknown) => {
    const at = axis.words ? axis.words.indexOf(value(of)) : (of as number);
    return bottom - ((at - axis.least) / (axis.most - axis.least)) * (bottom - top);
  };
  const letters = Math.min(24, Math.floor((right - left) / (axes.length - 1) / 7.2));
  const cut = (text: string) => (text.length > letters ? text.slice(0, letters - 1) + "…" : text);
  return (
    <Scroll label="Parallel coordinates" class="pad"><svg class="parallel" viewBox={`0 0 ${width} ${height}`} role="img" aria-label={`Parallel coordinates over ${axes.map((axis) => axis.key).join(", ")}`}>
      {points.map((one, n) => {
        const path = axes.flatMap((axis, i) => (one[axis.key] !== undefined && one[axis.key] !== null ? [`${x(i)},${y(axis, one[axis.key])}`] : []));
        return <polyline key={n} points={path.join(" ")} stroke={palette[n % palette.length]}><title>{runs[n].run.name}</title></polyline>;
      })}
      {axes.map((axis, i) => <g key={axis.key}><line x1={x(i)} x2={x(i)} y1={top} y2={bottom} />
        <text x={x(i)} y={16} class="name">{cut(axis.key)}<title>{axis.key}</title></text>
        {axis.words ? axis.words.map((word) => <text key={word} x={x(i)} y={y(axis, word) + (word === axis.words![0] ? 18 : word === axis.words![axis.words!.length - 1] ? -8 : 4)} class="word">{cut(word)}</text>)
          : <><text x={x(i)} y={top - 8}>{number(axis.most)}</text><text x={x(i)} y={bottom + 18}>{number(axis.least)}</text></>}</g>)}
    </svg></Scroll>
  );
}

function prefixed(prefix: string, of: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(of).map(([key, one]) => [prefix + key, one]));
}

function lastOf(metrics: Metrics): Record<string, unknown> {
  return Object.fromEntries(Object.entries(metrics.columns).filter(([key]) => !axisNames.includes(key)).map(([key, column]) => [key, [...column].reverse().find((one) => one !== null) ?? undefined]));
}
