import { useState } from "preact/hooks";
import type { Version } from "../api";
import { enc } from "../api";
import { count, size, value } from "../format";
import { useData } from "../live";
import { artifactPath, Crumbs, Empty, projectPath, Rest, RunLink, Scroll, Section, Shown, Tags, Time, Type, useTitle, VersionLink } from "../parts";
import { navigate } from "../router";

const mostHistory = 100;

interface Entry { when: string; who: string; what: string; detail: Record<string, unknown> | null }
interface Artifact { artifact: string; type: string; created: string; total: number; versions: Version[]; history: Entry[] }

// What was done, as one would say it; what is not known here, as it is recorded.
function said({ what, detail }: Entry, type: string): string {
  const of = detail ?? {}, version = typeof of.version === "string" ? of.version : "";
  const list = (key: string) => (Array.isArray(of[key]) ? (of[key] as unknown[]).map(value) : []);
  switch (what) {
    // The type may be set until v0: what it was before that is nobody's matter.
    case "create": return `made, of type ${type}`;
    case "describe": return of.after ? `${version} described: “${value(of.after)}”` : `${version}: description taken away`;
    case "tag": return `${version} ${[...list("add").map((tag) => `tagged ${tag}`), ...list("remove").map((tag) => `no longer ${tag}`)].join(", ")}`;
    case "alias": return version ? `${value(of.alias)} set to ${version}${of.before ? `, was ${value(of.before)}` : ""}` : `${value(of.alias)} dropped${of.before ? `, was ${value(of.before)}` : ""}`;
    case "metadata": return `${version}: metadata edited`;
    default: return [what, version, ...Object.entries(of).filter(([key, one]) => key !== "version" && one !== null).map(([key, one]) => `${key} ${value(one)}`)].filter((word) => word !== "").join(" · ");
  }
}

export function ArtifactPage({ project, artifact }: { project: string; artifact: string }) {
  useTitle(artifact, project);
  const [chosen, choose] = useState<string[]>([]);
  const [limit, setLimit] = useState(200);
  const loaded = useData<Artifact>(`/api/projects/${enc(project)}/artifacts/${enc(artifact)}?limit=${limit}`);
  const toggle = (version: string) => choose((before) => before.includes(version) ? before.filter((one) => one !== version) : [...before, version].slice(-2));
  const number = (version: string) => Number(version.slice(1));
  return (
    <>
      <Crumbs of={[["Artifacts", projectPath(project) + "/artifacts"], [artifact, null]]} />
      <Shown of={loaded} what="the artifact" page={artifact}>{(data) => (
        <>
          <div class="head"><h1 class="mono">{data.artifact}</h1><Type of={data.type} />
            <span class="muted">{count(data.total, "version")}</span><span class="grow" />
            <button type="button" disabled={chosen.length !== 2} onClick={() => {
              const [from, to] = [...chosen].sort((a, b) => number(a) - number(b));
              navigate(`${artifactPath(project, artifact)}/compare?from=${from}&to=${to}`);
            }}>{chosen.length === 2 ? `Compare ${[...chosen].sort((a, b) => number(a) - number(b)).join(" and ")}` : "Choose two to compare"}</button>
          </div>
          {data.versions.length === 0 ? <Empty title="No version yet"><p>What a run writes below <code>{artifact}/latest</code> on the mount becomes <code>v0</code> when it ends.</p></Empty> : (
            <Scroll label="Versions" class="card"><table class="list"><thead><tr><th><span class="hidden">Compare</span></th><th>Version</th><th>Aliases and tags</th><th>Size</th><th>Changed</th><th>Carried over</th><th>Made by</th><th>Made</th></tr></thead><tbody>
              {data.versions.map((version) => (
                <tr key={version.version}>
                  <td><input type="checkbox" aria-label={`Compare ${version.version}`} checked={chosen.includes(version.version)} onChange={() => toggle(version.version)} /></td>
                  <td><VersionLink project={project} artifact={artifact} version={version.version} />{version.description && <div class="muted small-text clip">{version.description}</div>}</td>
                  <td class="chips"><Tags of={version.aliases} kind="alias" /> <Tags of={version.tags} kind="tag" /></td>
                  <td class="num">{size(version.size)}</td><td class="num">{count(version.changed, "file")}</td><td class="num">{version.carried_over}</td>
                  <td>{version.logged_by.slice(0, 3).map((run) => <span key={run}><RunLink project={project} run={run} /> </span>)}{version.logged_by.length > 3 && <span class="muted">and {version.logged_by.length - 3} more</span>}</td>
                  <td><Time of={version.created} /></td>
                </tr>))}
            </tbody></table>
              {data.total > data.versions.length && <p class="pad"><button type="button" onClick={() => setLimit(limit + 500)}>Show more of {data.total}</button></p>}
            </Scroll>)}
          {data.history.length > 0 && (
            <Section title="History">
              <ul class="plain history">{data.history.slice(0, mostHistory).map((entry) => (
                <li key={entry.when + entry.what}><span class="muted"><Time of={entry.when} /></span><span class="break">{said(entry, data.type)}</span><span class="muted">by {entry.who}</span></li>))}</ul>
              <Rest of={data.history.length} shown={mostHistory} />
            </Section>)}
        </>)}
      </Shown>
    </>
  );
}
