import type { Run, Version } from "../api";
import { enc } from "../api";
import { count, cut, duration, size } from "../format";
import { useData } from "../live";
import { artifactPath, Empty, projectPath, RunLink, Scroll, Section, Shown, State, Tags, Time, Type, useTitle, VersionLink } from "../parts";
import { Link } from "../router";

interface Draft { run: string; artifact: string; base: string | null; size: number; age_seconds: number; state: string }
interface Overview {
  project: string;
  counts: null | { artifacts: number; versions: number; runs: number; edges: number; states: Record<string, number>; job_types: Record<string, number>; types: Record<string, number> };
  runs: Run[]; versions: Version[]; stale: Version[] | null; drafts: Draft[]; live: { name: string; state: string; command: string[] }[];
  warnings: string[]; daemon: { version: string; started: string } | null;
  mounts: { path: string; project: string; passthrough: boolean; passthrough_why: string }[];
}

function Number({ of, name, to, children }: { of: number; name: string; to: string; children?: preact.ComponentChildren }) {
  return <Link to={to} class="number"><strong>{of.toLocaleString("en")}</strong><span>{name}</span><small>{children}</small></Link>;
}

export function OverviewPage({ project }: { project: string }) {
  useTitle(project);
  const overview = useData<Overview>(`/api/projects/${enc(project)}`, 5000);  // mounts come and go unsaid
  const base = projectPath(project);
  return (
    <>
      <div class="head"><h1>{project}</h1></div>
      <Shown of={overview} what="the project">{(data) => {
        const counts = data.counts ?? { artifacts: 0, versions: 0, runs: 0, edges: 0, states: {}, job_types: {}, types: {} };
        const here = data.mounts, mount = here[0]?.path ?? "MOUNT";
        const failed = (counts.states.failed ?? 0) + (counts.states.killed ?? 0) + (counts.states.lost ?? 0);
        return (
          <>
            <p class="lead">
              {here.length > 0 ? <>Mounted on <code>{here[0].path}</code>{" "}<span class="muted">· {here[0].passthrough ? "files are read straight from the store" : here[0].passthrough_why}</span></>
                : <>Not mounted now: these pages read the store. <code>art mount DIR --project {project}</code> mounts it.</>}
            </p>
            {data.warnings.map((one) => <p class="warning" key={one}>{one}</p>)}
            {data.counts === null && <p class="card counting muted" role="status">Counting runs and versions…</p>}
            {data.counts && <div class="numbers">
              <Number of={counts.artifacts} name={counts.artifacts === 1 ? "artifact" : "artifacts"} to={base + "/artifacts"}>{Object.entries(counts.types).map(([type, n]) => `${n} ${type}`).join(" · ")}</Number>
              <Number of={counts.versions} name={counts.versions === 1 ? "version" : "versions"} to={base + "/graph?form=exploded"}>{count(counts.edges, "edge")} of lineage</Number>
              <Number of={counts.runs} name={counts.runs === 1 ? "run" : "runs"} to={base + "/runs"}>{failed > 0 ? `${failed} failed` : "none failed"}</Number>
              <Number of={data.live.length} name="live now" to={base + "/runs?state=running"}>{data.live.map((one) => one.name).slice(0, 2).join(", ") || "nothing is running"}</Number>
            </div>}
            {data.counts && counts.runs === 0 && counts.artifacts === 0 && (
              <Empty title="Nothing here yet">
                <p>Run a program that writes below the mount; its run and what it wrote appear here by themselves:</p>
                <pre>mkdir -p {mount}/my-data/latest{"\n"}cp data.csv {mount}/my-data/latest/</pre>
              </Empty>
            )}
            <div class="two">
              <Section title="Newest runs" side={<Link to={base + "/runs"}>all runs</Link>}>
                {data.runs.length === 0 ? <p class="muted pad">No run has been recorded.</p> : (
                  <Scroll label="Newest runs"><table class="list"><thead><tr><th>Run</th><th>Job type</th><th>State</th><th>Took</th><th>Started</th></tr></thead><tbody>
                    {data.runs.map((run) => (
                      <tr key={run.id}>
                        <td><RunLink project={project} run={run.name} /></td><td>{cut(run.job_type)}</td><td><State of={run.state} /></td>
                        <td class="num">{run.ended ? duration((Date.parse(run.ended) - Date.parse(run.started)) / 1000) : "…"}</td><td><Time of={run.started} /></td>
                      </tr>))}
                  </tbody></table></Scroll>)}
              </Section>
              <Section title="Newest versions" side={<Link to={base + "/artifacts"}>all artifacts</Link>}>
                {data.versions.length === 0 ? <p class="muted pad">No version has been sealed.</p> : (
                  <Scroll label="Newest versions"><table class="list"><thead><tr><th>Version</th><th>Type</th><th>Size</th><th>Made</th></tr></thead><tbody>
                    {data.versions.map((version) => (
                      <tr key={version.artifact + version.version}>
                        <td class="chips"><VersionLink project={project} artifact={version.artifact} version={version.version} /> <Tags of={version.aliases} kind="alias" /></td>
                        <td><Type of={version.type} /></td><td class="num">{size(version.size)}</td><td><Time of={version.created} /></td>
                      </tr>))}
                  </tbody></table></Scroll>)}
              </Section>
            </div>
            <div class="two">
              <Section title="Stale">
                {data.stale === null ? <p class="muted pad" role="status">Looking through the versions…</p> : data.stale.length === 0 ? <p class="muted pad">Every latest version was made from the latest of its inputs.</p> : (
                  <><p class="pad">Made from inputs that have newer versions since. <code>art stale</code> says what to run again.</p>
                    <ul class="plain">{data.stale.map((version) => <li key={version.artifact}><VersionLink project={project} artifact={version.artifact} version={version.version} /> <span class="muted">by</span> {version.logged_by.slice(0, 3).map((run) => <span key={run}><RunLink project={project} run={run} /> </span>)}</li>)}</ul></>)}
              </Section>
              <Section title="Unsealed drafts">
                {data.drafts.length === 0 ? <p class="muted pad">Everything that was written is sealed.</p> : (
                  <Scroll label="Unsealed drafts"><table class="list"><thead><tr><th>Run</th><th>Artifact</th><th>Size</th><th>Age</th><th>State</th></tr></thead><tbody>
                    {data.drafts.map((draft) => (
                      <tr key={draft.run + draft.artifact}>
                        <td><RunLink project={project} run={draft.run} /></td><td><Link to={artifactPath(project, draft.artifact)}>{draft.artifact}</Link></td>
                        <td class="num">{size(draft.size)}</td><td class="num">{duration(draft.age_seconds)}</td><td>{draft.state}</td>
                      </tr>))}
                  </tbody></table></Scroll>)}
              </Section>
            </div>
          </>);
      }}</Shown>
    </>
  );
}
