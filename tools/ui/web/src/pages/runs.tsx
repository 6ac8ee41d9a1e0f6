import { useEffect, useState } from "preact/hooks";
import type { RunRow } from "../api";
import { enc, query } from "../api";
import { count, cut, duration, flat, value } from "../format";
import { useData } from "../live";
import { Empty, projectPath, RunLink, Scroll, Shown, State, Tags, Time, useTitle, VersionLink } from "../parts";
import { navigate, setQuery, useWhere } from "../router";

interface Listing { total: number; offset: number; sorted: boolean; job_types: string[]; groups: Record<string, number>; runs: RunRow[] }
const states = ["running", "finished", "failed", "killed", "lost"];
const sorts: Record<string, string> = { name: "name", job_type: "job_type", state: "state", started: "started", took: "duration" };

// Leaves of config and summary that some shown run has, most frequent first.
function columnsOf(runs: RunRow[]): string[] {
  const counts = new Map<string, number>();
  for (const run of runs)
    for (const [kind, of] of [["summary", run.summary], ["config", run.config]] as const)
      for (const key of Object.keys(flat(of))) counts.set(`${kind}.${key}`, (counts.get(`${kind}.${key}`) ?? 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1] || a[0].localeCompare(b[0])).map(([name]) => name);
}

function cell(run: RunRow, column: string): unknown {
  const [kind, ...rest] = column.split(".");
  return flat(kind === "config" ? run.config : run.summary)[rest.join(".")];
}

export function RunsPage({ project }: { project: string }) {
  useTitle("Runs", project);
  const { search } = useWhere();
  const of = (key: string) => search.get(key) ?? "";
  const [chosen, choose] = useState<string[]>([]);
  const [picking, pick] = useState(false);
  const [text, setText] = useState(of("q"));
  useEffect(() => {
    const timer = setTimeout(() => { if (text !== of("q")) setQuery({ q: text, page: null }); }, 200);
    return () => clearTimeout(timer);
  }, [text]);
  const columns = of("columns").split(",").filter((name) => name !== "");
  const limit = 100, page = Math.max(0, Math.floor(Number(of("page")) || 0));
  const sort = of("sort"), descending = of("order") === "desc";
  const listing = useData<Listing>(`/api/projects/${enc(project)}/runs${query({
    job_type: of("job_type"), state: of("state"), q: of("q"), artifact: of("artifact"), all: of("all"), group: of("group"), limit, offset: page * limit,
    sort: sorts[sort] ?? (columns.includes(sort) ? sort : ""), order: descending ? "desc" : "" })}`);
  const sortBy = (key: string) => setQuery(sort === key ? (descending ? { sort: null, order: null } : { sort: key, order: "desc" }) : { sort: key, order: null });
  const toggle = (run: string) => choose((before) => before.includes(run) ? before.filter((one) => one !== run) : [...before, run]);
  const head = (key: string, title: string) => (
    <th key={key} aria-sort={sort === key ? (descending ? "descending" : "ascending") : "none"}><button type="button" class="sort" onClick={() => sortBy(key)}>{title}{sort === key ? (descending ? " ↓" : " ↑") : ""}</button></th>);
  const row = (run: RunRow) => (
    <tr key={run.id} class={chosen.includes(run.name) ? "chosen" : ""}>
      <td><input type="checkbox" aria-label={`Choose ${run.name}`} checked={chosen.includes(run.name)} onChange={() => toggle(run.name)} /></td>
      <td class="chips"><RunLink project={project} run={run.name} /> <Tags of={run.tags} kind="tag" /></td><td>{cut(run.job_type)}</td><td><State of={run.state} /></td>
      <td><Time of={run.started} /></td><td class="num">{run.ended ? duration((Date.parse(run.ended) - Date.parse(run.started)) / 1000) : "…"}</td>
      <td>{run.logs.slice(0, 3).map((log) => <span key={log.artifact}><VersionLink project={project} artifact={log.artifact} version={log.version} /> </span>)}{run.logs.length > 3 && <span class="muted">+{run.logs.length - 3}</span>}</td>
      {columns.map((name) => <td key={name} class="num" title={value(cell(run, name))}><span class="clip">{value(cell(run, name))}</span></td>)}
    </tr>);
  return (
    <>
      <div class="head"><h1>Runs</h1><span class="grow" />
        <button type="button" disabled={chosen.length < 2} class={chosen.length >= 2 ? "primary" : ""} onClick={() => navigate(`${projectPath(project)}/compare?runs=${chosen.map(enc).join(",")}`)}>{chosen.length < 2 ? "Choose runs to compare" : `Compare ${chosen.length} runs`}</button></div>
      <div class="bar">
        <input type="search" placeholder="Name, job type or tag" aria-label="Filter runs" value={text} onInput={(event) => setText(event.currentTarget.value)} />
        <select aria-label="Job type" value={of("job_type")} onChange={(event) => setQuery({ job_type: event.currentTarget.value, page: null })}><option value="">Every job type</option>{(listing.data?.job_types ?? []).map((one) => <option key={one}>{one}</option>)}</select>
        <select aria-label="State" value={of("state")} onChange={(event) => setQuery({ state: event.currentTarget.value, page: null })}><option value="">Every state</option>{states.map((one) => <option key={one}>{one}</option>)}</select>
        <label><input type="checkbox" checked={of("group") === "job_type"} onChange={(event) => setQuery({ group: event.currentTarget.checked ? "job_type" : null, page: null })} /> Group by job type</label>
        <label><input type="checkbox" checked={of("all") === "1"} onChange={(event) => setQuery({ all: event.currentTarget.checked ? "1" : null, page: null })} /> Also pure readers</label>
        <button type="button" aria-expanded={picking} onClick={() => pick(!picking)}>Columns{columns.length > 0 && ` (${columns.length})`}</button>
      </div>
      <Shown of={listing} what="the runs">{(data) => {
        const known = columnsOf(data.runs);
        const groups: [string, RunRow[]][] = of("group") !== "job_type" ? [["", data.runs]]
          : [...new Set(data.runs.map((run) => run.job_type))].map((type) => [type, data.runs.filter((run) => run.job_type === type)]);
        return (
          <>
            {picking && (
              <fieldset class="card pad columns"><legend>Columns from config and summary</legend>
                {known.length === 0 ? <p class="muted">The shown runs have no config and no summary.</p> : known.slice(0, 80).map((name) => (
                  <label key={name}><input type="checkbox" checked={columns.includes(name)} onChange={(event) => setQuery({ columns: (event.currentTarget.checked ? [...columns, name] : columns.filter((one) => one !== name)).join(",") })} /> {name}</label>))}
              </fieldset>)}
            {!data.sorted && <p class="notice" role="status">So many runs are sorted by {sort} only among those on this page. Filter, and all that fit are.</p>}
            {data.total === 0 ? <Empty title={location.search ? "No run fits" : "No run yet"}><p>{location.search ? "Take a filter away." : <>A program that reads or writes on the mount is recorded as a run. <code>art run -- COMMAND</code> also keeps what it prints.</>}</p></Empty> : (
              <Scroll label="Runs" class="card"><table class="list runs"><thead><tr><th><span class="hidden">Choose</span></th>{head("name", "Run")}{head("job_type", "Job type")}{head("state", "State")}{head("started", "Started")}{head("took", "Took")}<th>Logged</th>{columns.map((name) => head(name, name.replace(/^(config|summary)\./, "")))}</tr></thead>
                {groups.map(([type, members]) => (
                  <tbody key={type}>{type && <tr class="group"><th colSpan={7 + columns.length} scope="rowgroup">{type} <span class="muted">{count(data.groups[type] ?? members.length, "run")}{members.length < data.groups[type] && `, ${members.length} on this page`}</span></th></tr>}{members.map(row)}</tbody>))}
              </table></Scroll>)}
            {data.total > limit && <p class="row pager"><button type="button" disabled={page === 0} onClick={() => setQuery({ page: page > 1 ? String(page - 1) : null })}>Newer</button>
              <span class="muted">{(page * limit + 1).toLocaleString("en")} to {Math.min((page + 1) * limit, data.total).toLocaleString("en")} of {data.total.toLocaleString("en")}</span>
              <button type="button" disabled={(page + 1) * limit >= data.total} onClick={() => setQuery({ page: String(page + 1) })}>Older</button></p>}
          </>);
      }}</Shown>
    </>
  );
}
