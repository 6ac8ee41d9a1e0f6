import { Fragment } from "preact";
import type { FileRow, FullVersion } from "../api";
import { enc } from "../api";
import { fileAddress, FileView } from "../files";
import { flat, size, value } from "../format";
import { useData } from "../live";
import { artifactPath, Crumbs, Empty, Problem, projectPath, Rest, Scroll, Section, Shown, Tags, Time, useTitle, VersionLink } from "../parts";
import { setQuery, useWhere } from "../router";
import { ApiError } from "../api";

interface Changed { what: "added" | "removed" | "changed"; path: string; before?: FileRow; after?: FileRow }
interface Comparison { from: FullVersion; to: FullVersion; counts: Record<string, number>; files: Changed[] }

const isPicture = (path: string) => /\.(png|jpe?g|gif|webp|bmp|avif|svg)$/i.test(path);

export function Differences({ left, right, names }: { left: Record<string, unknown>; right: Record<string, unknown>; names: [string, string] }) {
  const [a, b] = [flat(left), flat(right)];
  const keys = [...new Set([...Object.keys(a), ...Object.keys(b)])].sort();
  const different = keys.filter((key) => value(a[key]) !== value(b[key]));
  if (different.length === 0) return <p class="muted pad">{keys.length === 0 ? "Neither has any." : `All ${keys.length} values are the same.`}</p>;
  return (
    <Scroll label="Metadata"><table class="list"><thead><tr><th>Key</th><th>{names[0]}</th><th>{names[1]}</th></tr></thead><tbody>
      {different.map((key) => <tr key={key}><th scope="row" class="mono">{key}</th><td class="gone">{value(a[key])}</td><td class="new">{value(b[key])}</td></tr>)}
    </tbody></table></Scroll>
  );
}

export function VersionsPage({ project, artifact }: { project: string; artifact: string }) {
  const { search } = useWhere();
  const from = search.get("from") ?? "", to = search.get("to") ?? "";
  useTitle(`${artifact}: ${from} and ${to}`, project);
  const base = `/api/projects/${enc(project)}/artifacts/${enc(artifact)}`;
  const loaded = useData<Comparison>(from && to ? `${base}/compare?from=${enc(from)}&to=${enc(to)}` : null);
  const open = search.get("file") ?? "";
  const at = (version: string) => `${base}/versions/${version}`;
  return (
    <>
      <Crumbs of={[["Artifacts", projectPath(project) + "/artifacts"], [artifact, artifactPath(project, artifact)], [`${from} and ${to}`, null]]} />
      {!(from && to) && <div class="head"><h1 class="mono">{artifact}</h1></div>}
      {!(from && to) && <Problem error={new ApiError(404, "name two versions: ?from=v0&to=v1")} />}
      {from && to && <Shown of={loaded} what="the comparison" page={`${artifact}: ${from} → ${to}`}>{(data) => (
        <>
          <div class="head"><h1 class="mono">{artifact}: {data.from.version} → {data.to.version}</h1></div>
          <div class="two">
            {[data.from, data.to].map((one) => (
              <section class="card pad" key={one.version}><h2><VersionLink project={project} artifact={artifact} version={one.version} /> <Tags of={one.aliases} kind="alias" /></h2>
                <p class="muted"><Time of={one.created} /> by {one.logged_by.join(", ") || "nobody"} · {size(one.size)}</p>{one.description && <p>{one.description}</p>}</section>))}
          </div>
          <Section title="Metadata"><Differences left={data.from.metadata} right={data.to.metadata} names={[data.from.version, data.to.version]} /></Section>
          <Section title="Files" side={<span class="muted">{data.counts.added} added · {data.counts.changed} changed · {data.counts.removed} removed</span>}>
            {data.files.length === 0 ? <Empty title="The same files">The two versions hold the same content.</Empty> : (
              <Scroll label="Files"><table class="list"><thead><tr><th>What</th><th>Path</th><th>{data.from.version}</th><th>{data.to.version}</th></tr></thead><tbody>
                {data.files.map((file) => (
                  <Fragment key={file.path}><tr><td><span class={`what what-${file.what}`}>{file.what}</span></td>
                    <td><button type="button" class="text-button mono" aria-expanded={open === file.path} onClick={() => setQuery({ file: open === file.path ? null : file.path })}>{file.path}</button></td>
                    {[[file.before, at(data.from.version)] as const, [file.after, at(data.to.version)] as const].map(([side, where], i) => (
                      <td key={i}>{side ? <>{isPicture(file.path) && side.type === "file" && <img class="thumb" loading="lazy" src={fileAddress(where, file.path)} alt={`${file.path} of ${i ? data.to.version : data.from.version}`} />}
                        <span class="num">{size(side.size)}</span></> : <span class="muted">–</span>}</td>))}
                  </tr>
                    {open === file.path && <tr class="beside"><td colSpan={4}><div class="two">
                      {([[file.before, data.from], [file.after, data.to]] as const).map(([side, of]) => (
                        <div key={of.version}>{side?.type === "file" ? <FileView base={at(of.version)} path={file.path} reference={`${artifact}:${of.version}`} /> : <p class="muted pad">{of.version} has no such file.</p>}</div>))}
                    </div></td></tr>}</Fragment>))}
              </tbody></table><Rest of={data.counts.added + data.counts.changed + data.counts.removed} shown={data.files.length} /></Scroll>)}
          </Section>
        </>)}
      </Shown>}
    </>
  );
}
