import { useEffect, useState } from "preact/hooks";
import type { ApiError, FullRun, Metrics } from "../api";
import { enc, get } from "../api";
import { axisNames, Charts, palette } from "../charts";
import { flat, number, value } from "../format";
import { onChange } from "../live";
import { Crumbs, Empty, Problem, projectPath, RunLink, Section, State, Time, useTitle } from "../parts";
import { useWhere } from "../router";

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
  const names = (search.get("runs") ?? "").split(",").filter((name) => name !== "").slice(0, 20);
  useTitle(`Compare ${names.length} runs`, project);
  const { runs, error } = useRuns(project, names);
  return (
    <>
      <Crumbs of={[["Runs", projectPath(project) + "/runs"], [`Compare ${names.length}`, null]]} />
      <div class="head"><h1>Compare {names.length} runs</h1></div>
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
  const table = (title: string, of: (run: FullRun) => Record<string, unknown>) => {
    const found = rows(of);
    return found.length === 0 ? <p class="muted pad">{title}: no difference.</p> : (
      <div class="scroll"><table class="list"><thead><tr><th>{title}</th>{runs.map((one) => <th key={one.run.id}>{one.run.name}</th>)}</tr></thead><tbody>
        {found.map((row) => <tr key={row.key}><th scope="row" class="mono">{row.key}</th>{row.values.map((one, i) => <td key={i} class="num left">{one === undefined ? "–" : value(one)}</td>)}</tr>)}
      </tbody></table></div>);
  };
  return (
    <>
      <ul class="legend">{runs.map((one, i) => <li key={one.run.id}><span class="swatch" style={{ background: palette[i % palette.length] }} /><RunLink project={project} run={one.run.name} /> <span class="muted">{one.run.job_type}</span> <State of={one.run.state} /> <Time of={one.run.started} /></li>)}</ul>
      {metrics.some((one) => one.shown > 0) ? <Section title="Metrics"><Charts metrics={metrics} /></Section> : <Section title="Metrics"><p class="muted pad">None of them wrote metrics.</p></Section>}
      <Section title="Differences" side={<label><input type="checkbox" checked={all} onChange={(event) => showAll(event.currentTarget.checked)} /> Also what is the same</label>}>
        {table("Config", (run) => run.config)}{table("Summary", (run) => run.summary)}
        {table("Inputs", (run) => Object.fromEntries(run.uses.map((use) => [use.artifact, use.version])))}
      </Section>
      <Section title="Parallel coordinates"><Parallel runs={runs} /></Section>
    </>
  );
}

// One line a run through one axis for each number in which they differ; the last axes are results.
function Parallel({ runs }: { runs: Both[] }) {
  const points = runs.map((one) => ({ ...prefixed("", flat(one.run.config)), ...prefixed("→ ", lastOf(one.metrics)), ...prefixed("→ ", flat(one.run.summary)) }));
  const keys = [...new Set(points.flatMap((one) => Object.keys(one)))].filter((key) => {
    const values = points.map((one) => one[key]).filter((one) => typeof one === "number");
    return new Set(values).size > 1;
  }).slice(0, 10);
  if (keys.length < 2) return <p class="muted pad">The runs differ in fewer than two numbers of config, metrics and summary.</p>;
  const width = 1000, height = 300, left = 60, right = 940, top = 46, bottom = 270;
  const x = (i: number) => left + (i * (right - left)) / (keys.length - 1);
  const ranges = keys.map((key) => {
    const values = points.map((one) => one[key]).filter((one): one is number => typeof one === "number");
    return [Math.min(...values), Math.max(...values)];
  });
  const y = (i: number, of: number) => bottom - ((of - ranges[i][0]) / (ranges[i][1] - ranges[i][0])) * (bottom - top);
  return (
    <div class="scroll pad"><svg class="parallel" viewBox={`0 0 ${width} ${height}`} role="img" aria-label={`Parallel coordinates over ${keys.join(", ")}`}>
      {keys.map((key, i) => <g key={key}><line x1={x(i)} x2={x(i)} y1={top} y2={bottom} />
        <text x={x(i)} y={16} class="name">{key.length > 18 ? key.slice(0, 17) + "…" : key}</text><text x={x(i)} y={top - 8}>{number(ranges[i][1])}</text><text x={x(i)} y={bottom + 18}>{number(ranges[i][0])}</text></g>)}
      {points.map((one, n) => {
        const path = keys.flatMap((key, i) => (typeof one[key] === "number" ? [`${x(i)},${y(i, one[key] as number)}`] : []));
        return <polyline key={n} points={path.join(" ")} stroke={palette[n % palette.length]}><title>{runs[n].run.name}</title></polyline>;
      })}
    </svg></div>
  );
}

function prefixed(prefix: string, of: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(of).map(([key, one]) => [prefix + key, one]));
}

function lastOf(metrics: Metrics): Record<string, unknown> {
  return Object.fromEntries(Object.entries(metrics.columns).filter(([key]) => !axisNames.includes(key)).map(([key, column]) => [key, [...column].reverse().find((one) => one !== null) ?? undefined]));
}
