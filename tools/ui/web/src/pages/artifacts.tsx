import { useState } from "preact/hooks";
import type { Version } from "../api";
import { enc } from "../api";
import { size } from "../format";
import { useData } from "../live";
import { artifactPath, Empty, Name, Rest, RunLink, Scroll, Shown, Tags, Time, Type, useTitle, VersionLink } from "../parts";
import { Link } from "../router";

const most = 1000;

interface Row { artifact: string; type: string; versions: number; created: string; latest: Version | null }

export function ArtifactsPage({ project }: { project: string }) {
  useTitle("Artifacts", project);
  const [text, set] = useState("");
  const rows = useData<Row[]>(`/api/projects/${enc(project)}/artifacts`);
  return (
    <>
      <div class="head"><h1>Artifacts</h1>
        <input type="search" placeholder="Filter by name or type" aria-label="Filter artifacts" value={text} onInput={(event) => set(event.currentTarget.value)} /></div>
      <Shown of={rows} what="the artifacts">{(all) => {
        const shown = all.filter((row) => row.artifact.includes(text) || row.type.includes(text));
        if (all.length === 0)
          return <Empty title="No artifact yet"><p>Make one on the mount with <code>mkdir</code>, and write below its <code>latest</code>.</p></Empty>;
        if (shown.length === 0) return <Empty title="No artifact fits"><p>Nothing has “{text}” in its name or type.</p></Empty>;
        return (
          <Scroll label="Artifacts" class="card"><table class="list"><thead><tr><th>Artifact</th><th>Type</th><th>Latest</th><th>Versions</th><th>Size</th><th>Made by</th><th>Newest</th></tr></thead><tbody>
            {shown.slice(0, most).map((row) => (
              <tr key={row.artifact}>
                <td><Link class="mono strong" to={artifactPath(project, row.artifact)} title={row.artifact}><Name of={row.artifact} /></Link></td><td><Type of={row.type} /></td>
                {row.latest ? <>
                  <td><VersionLink project={project} artifact={row.artifact} version={row.latest.version} /> <Tags of={row.latest.aliases.filter((name) => name !== "latest")} kind="alias" /></td>
                  <td class="num">{row.versions}</td><td class="num">{size(row.latest.size)}</td><td>{row.latest.logged_by.slice(-1).map((run) => <RunLink key={run} project={project} run={run} />)}</td><td><Time of={row.latest.created} /></td>
                </> : <><td class="muted">no version yet</td><td class="num">{row.versions}</td><td /><td /><td><Time of={row.created} /></td></>}
              </tr>))}
          </tbody></table><Rest of={shown.length} shown={most} /></Scroll>);
      }}</Shown>
    </>
  );
}
