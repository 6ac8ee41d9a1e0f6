import { useLayoutEffect, useRef, useState } from "preact/hooks";
import type { FullRun, Media, Metrics } from "../api";
import { enc, query } from "../api";
import { Charts } from "../charts";
import { Edit } from "../edit";
import { count, duration, shell, size } from "../format";
import { useData } from "../live";
import { Copy, Crumbs, Facts, graphPath, projectPath, Rest, RunLink, Section, Shown, State, Tags, Time, useTitle, Values, VersionLink } from "../parts";
import { Link } from "../router";

// A live run's files grow without a change of the catalog.
const look = 1500;
const mostFiles = 200, mostMedia = 400;

export function RunPage({ project, run }: { project: string; run: string }) {
  useTitle(run, project);
  const base = `/api/projects/${enc(project)}/runs/${enc(run)}`;
  const loaded = useData<FullRun>(base, 5000);
  const live = loaded.data?.state === "running";
  // Of what went wrong, the last words come first.
  const bad = ["failed", "killed", "lost"].includes(loaded.data?.state ?? "");
  return (
    <>
      <Crumbs of={[["Runs", projectPath(project) + "/runs"], [run, null]]} />
      <Shown of={loaded} what="the run" page={run}>{(data) => (
        <>
          <div class="head"><h1 class="mono">{data.name}</h1><span class="chip">{data.job_type}</span><State of={data.state} /><Tags of={data.tags} kind="tag" /><span class="grow" />
            <Link class="button" to={graphPath(project, `${data.job_type}:${data.name}`)}>Show in the graph</Link></div>
          {bad && <LogOf base={base} live={false} />}
          <MetricsOf base={base} live={live} />
          <MediaOf base={base} live={live} />
          <div class="two">
            <div>
              <Section title="Overview"><Overview project={project} of={data} /></Section>
              <Section title="Config"><Values of={data.config} empty="No config: flags of the command and .art/run/config.json make it." /></Section>
            </div>
            <div>
              <Section title="Uses and logs"><Edges project={project} of={data} /></Section>
              <Section title="Summary"><Values of={data.summary} empty="No summary was written to .art/run/summary.json." /></Section>
              <Section title="Run data">
                {(data.data_files ?? []).length === 0 ? <p class="muted pad">The run wrote nothing below .art/run.</p> : (
                  <><ul class="plain files">{data.data_files!.slice(0, mostFiles).map((file) => <li key={file.path}><a class="mono" href={`${base}/file${query({ path: file.path, download: true })}`} download>{file.path}</a> <span class="muted num">{size(file.size)}</span></li>)}</ul><Rest of={data.data_files!.length} shown={mostFiles} /></>)}
              </Section>
              {Object.keys(data.resources).length > 0 && <Section title="Resources"><Resources of={data.resources} /></Section>}
              <Section title="Environment"><Values of={data.environment} empty="No variable on the allow-list was set." /></Section>
            </div>
          </div>
          {!bad && <LogOf base={base} live={live} />}
        </>)}
      </Shown>
    </>
  );
}

function Overview({ project, of }: { project: string; of: FullRun }) {
  const ended = of.ended ? Date.parse(of.ended) : Date.now();
  const exit = of.exit_code !== null ? `exit status ${of.exit_code}${of.exit_known ? "" : " (taken for granted: nobody could ask)"}` : of.signal !== null ? `signal ${of.signal}` : "";
  return (
    <>
      <div class="pad"><Copy text={shell(of.command)} />{of.commands.length > 1 && <details><summary>{count(of.commands.length, "command")} in all</summary><pre class="text">{of.commands.map(shell).join("\n")}</pre></details>}</div>
      <Facts rows={[
        ["State", <><State of={of.state} /> <span class="muted">{exit}</span></>],
        ["Started", <Time of={of.started} />], ["Took", duration((ended - Date.parse(of.started)) / 1000) + (of.ended ? "" : " so far")],
        ["In", <span class="mono break">{of.cwd}</span>], ["By", `${of.user} on ${of.host}`],
        ...(of.executable ? [["Program", <span class="mono break" title={of.executable_sha256 ?? ""}>{of.executable}</span>] as [string, preact.ComponentChildren]] : []),
        ["Git", of.git ? <><span class="mono">{of.git.commit.slice(0, 12)}</span>{of.git.dirty && <span class="warning-text"> with changes not committed</span>}</> : <span class="muted">no repository</span>],
        ...(of.parent ? [["Parent", <RunLink project={project} run={of.parent} />] as [string, preact.ComponentChildren]] : []),
        ...(of.resumes ? [["Resumes", <RunLink project={project} run={of.resumes} />] as [string, preact.ComponentChildren]] : []),
        ...(of.description ? [["Notes", of.description] as [string, preact.ComponentChildren]] : []),
        ...(of.segments > 1 ? [["Segments", String(of.segments)] as [string, preact.ComponentChildren]] : []),
      ]} />
      <Edit project={project} reference={`@${of.name}`} kind="run" description={of.description ?? ""} tags={of.tags} />
    </>
  );
}

function Resources({ of }: { of: FullRun["resources"] }) {
  const rows: [string, preact.ComponentChildren][] = [];
  if (of.cpu_user_seconds !== undefined) rows.push(["Processor", duration(of.cpu_user_seconds)]);
  if (of.cpu_system_seconds !== undefined) rows.push(["In the system", duration(of.cpu_system_seconds)]);
  if (of.peak_memory !== undefined) rows.push(["Peak memory", <span title="the most that one of its processes had resident">{size(of.peak_memory)}</span>]);
  if (of.bytes_read !== undefined) rows.push(["Read", size(of.bytes_read)]);
  if (of.bytes_written !== undefined) rows.push(["Written", size(of.bytes_written)]);
  return <Facts rows={rows} />;
}

function Edges({ project, of }: { project: string; of: FullRun }) {
  return (
    <div class="edges">
      <h3>Uses</h3>
      {of.uses.length === 0 ? <p class="muted">It read no artifact.</p> : of.uses.map((use) => (
        <div class="edge" key={`${use.artifact}:${use.version}:${use.segment}`}>
          <VersionLink project={project} artifact={use.artifact} version={use.version} />
          <ul class="names">{(use.files ?? []).slice(0, 12).map((file) => <li key={file} class="mono">{file}</li>)}{(use.count ?? 0) > 12 && <li class="muted">and {((use.count ?? 0) - 12).toLocaleString("en")} more</li>}</ul>
        </div>))}
      <h3>Logs</h3>
      {of.logs.length + of.confirmed.length === 0 ? <p class="muted">It made no version.</p> : <>
        {of.logs.map((log) => <div class="edge" key={log.artifact + log.version}><VersionLink project={project} artifact={log.artifact} version={log.version} /></div>)}
        {of.confirmed.map((log) => <div class="edge" key={"c" + log.artifact + log.version}><VersionLink project={project} artifact={log.artifact} version={log.version} /> <span class="muted">confirmed: the same content again</span></div>)}</>}
      {of.peeks.length > 0 && <><h3>Unsealed files of other runs</h3><p class="muted">What it read of these has no version.</p>{of.peeks.slice(0, 12).map((peek) => <div class="edge" key={peek.run + peek.path}><span class="mono break">{peek.artifact}/@{peek.run}/{peek.path}</span></div>)}</>}
      {of.drafts.length > 0 && <><h3>Drafts</h3>{of.drafts.map((draft) => <div class="edge" key={draft.artifact}><span class="mono">{draft.artifact}</span> <span class="muted">{size(draft.size)}, not sealed</span></div>)}</>}
    </div>
  );
}

function MetricsOf({ base, live }: { base: string; live: boolean }) {
  const loaded = useData<Metrics>(`${base}/metrics`, live ? look : 0);
  if (!loaded.data || loaded.data.shown === 0) return loaded.error || loaded.waiting ? <Section title="Metrics"><Shown of={loaded} what="the metrics">{() => null}</Shown></Section> : null;
  const { rows, shown } = loaded.data;
  return (
    <Section title="Metrics" side={<span class="muted" role="status">{live && <span class="pulse">live</span>} {count(rows, "line")}{shown < rows && `, ${shown} drawn`}</span>}>
      <Charts metrics={[loaded.data]} />
    </Section>
  );
}

function MediaOf({ base, live }: { base: string; live: boolean }) {
  const loaded = useData<Media[]>(`${base}/media`, live ? 2 * look : 0);
  const [large, enlarge] = useState<Media | null>(null);
  if (loaded.waiting && !loaded.data) return <Section title="Media"><Shown of={loaded} what="the media">{() => null}</Shown></Section>;
  if (!loaded.data || loaded.data.length === 0) return null;
  const groups = [...new Set(loaded.data.map((one) => one.group))];
  const of = (group: string) => loaded.data!.filter((one) => one.group === group);
  const address = (one: Media) => `${base}/file${query({ path: one.path })}`;
  return (
    <Section title="Media" side={<span class="muted">{count(loaded.data.length, "file")}</span>}>
      {groups.map((group) => (
        <div key={group} class="pad">
          {group && <h3>{group}</h3>}
          <ul class="gallery">{of(group).slice(0, mostMedia).map((one) => (
            <li key={one.path}>{one.image
              ? <button type="button" onClick={() => enlarge(one)} aria-label={`Enlarge ${one.path}${one.caption ? `, caption ${one.caption}` : ""}`}><img loading="lazy" src={address(one)} alt={one.caption ?? one.path} /></button>
              : one.text !== undefined ? <pre class="text">{one.text}</pre> : <a href={address(one)} download class="mono">{one.path.split("/").pop()}</a>}
              <span class="caption">{one.caption ?? one.path.split("/").pop()}</span></li>))}</ul>
          <Rest of={of(group).length} shown={mostMedia} />
        </div>))}
      {large && <Lightbox address={address(large)} of={large} close={() => enlarge(null)} />}
    </Section>
  );
}

function Lightbox({ address, of, close }: { address: string; of: Media; close: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useLayoutEffect(() => { dialog.current?.showModal(); }, []);
  return (
    <dialog ref={dialog} class="lightbox" onClose={close} onClick={close} aria-label={of.path}>
      <img src={address} alt={of.caption ?? of.path} /><p><strong>{of.caption}</strong> <span class="mono muted">{of.path}</span></p><button type="button">Close</button>
    </dialog>);
}

function LogOf({ base, live }: { base: string; live: boolean }) {
  const loaded = useData<{ text: string | null; from: number; size: number }>(`${base}/log`, live ? look : 0);
  const console = useRef<HTMLPreElement>(null), atEnd = useRef(true);
  // New lines are followed, unless somebody has gone up to read.
  useLayoutEffect(() => { if (console.current && atEnd.current) console.current.scrollTop = console.current.scrollHeight; }, [loaded.data]);
  return (
    <Section title="Console" side={loaded.data?.text != null && <a href={`${base}/file${query({ path: "output.log", download: true })}`} download>output.log, {size(loaded.data.size)}</a>}>
      <Shown of={loaded} what="the output">{(log) => log.text === null
        ? <p class="muted pad">What a run prints is kept when it is started with <code>art run -- COMMAND</code>.</p>
        : log.size === 0 ? <p class="muted pad">It {live ? "has printed nothing yet" : "printed nothing"}.</p>
        : <>{log.from > 0 && <p class="muted pad">The end of it; the whole is in output.log.</p>}<pre ref={console} class="text console" tabIndex={0} onScroll={({ currentTarget: at }) => { atEnd.current = at.scrollTop + at.clientHeight > at.scrollHeight - 24; }} aria-label="Console output">{log.text.replace(/\u001b\[[0-9;?]*[A-Za-z]/g, "").replace(/[^\n]*\r(?!\n)/g, "")}</pre></>}
      </Shown>
    </Section>
  );
}
