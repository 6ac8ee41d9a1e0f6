import { useState } from "preact/hooks";
import type { FullVersion } from "../api";
import { enc } from "../api";
import { Edit } from "../edit";
import { FileView, Tree } from "../files";
import { count, size } from "../format";
import { useData } from "../live";
import { artifactPath, Copy, Crumbs, Facts, graphPath, projectPath, Rest, RunLink, Section, Shown, Tags, Time, Type, useTitle, Values, versionPath, VersionLink } from "../parts";
import { Link, setQuery, useWhere } from "../router";

const mostSteps = 200;

interface Step { depth: number; node: string; files: string[]; again: boolean }

function nodePath(project: string, node: string): string {
  const [, name, version] = node.match(/^[^:]*:([^:]*):(v\d+)$/) ?? [];
  return version ? versionPath(project, name, version) : `${projectPath(project)}/runs/${enc(node.slice(node.lastIndexOf(":") + 1))}`;
}

export function Lineage({ project, of, direction }: { project: string; of: string; direction: "up" | "down" }) {
  const loaded = useData<Step[]>(`/api/projects/${enc(project)}/lineage?of=${enc(of)}&direction=${direction}`);
  return (
    <Shown of={loaded} what="the lineage">{(steps) => steps.length <= 1
      ? <p class="muted pad">{direction === "up" ? "It came from nothing in this project." : "Nothing has used it yet."}</p>
      : <><ul class="lineage">{steps.slice(0, mostSteps).map((step, i) => (
        <li key={i} style={{ paddingLeft: `${16 + step.depth * 18}px` }}>
          <Link class="mono" to={nodePath(project, step.node)}>{step.node}</Link>
          {step.again && <span class="muted"> (above)</span>}
          {step.files.length > 0 && <span class="muted small-text"> {step.files.slice(0, 4).join(", ")}{step.files.length > 4 && ` and ${step.files.length - 4} more`}</span>}
        </li>))}</ul><Rest of={steps.length} shown={mostSteps} /></>}
    </Shown>
  );
}

export function VersionPage({ project, artifact, version, mount }: { project: string; artifact: string; version: string; mount: string | null }) {
  const { search } = useWhere();
  const base = `/api/projects/${enc(project)}/artifacts/${enc(artifact)}/versions/${enc(version)}`;
  const loaded = useData<FullVersion>(base);
  const real = loaded.data?.version ?? version;
  useTitle(`${artifact}:${real}`, project);
  const [direction, turn] = useState<"up" | "down">("up");
  const path = search.get("file") ?? "";
  const reference = `${artifact}:${real}`;
  return (
    <>
      <Crumbs of={[["Artifacts", projectPath(project) + "/artifacts"], [artifact, artifactPath(project, artifact)], [real, null]]} />
      <Shown of={loaded} what="the version" page={`${artifact}:${version}`}>{(data) => (
        <>
          <div class="head"><h1 class="mono">{reference}</h1><Type of={data.type} /><Tags of={data.aliases} kind="alias" /><Tags of={data.tags} kind="tag" /><span class="grow" />
            {data.parent && <Link class="button" to={`${artifactPath(project, artifact)}/compare?from=${data.parent}&to=${data.version}`}>Compare with {data.parent}</Link>}
            <Link class="button" to={graphPath(project, `${data.type}:${reference}`)}>Show in the graph</Link></div>
          {data.description && <p class="lead">{data.description}</p>}
          {data.diverged.length > 0 && <p class="warning">Made while another version was sealed: it does not have what that has in {data.diverged.slice(0, 5).map((one) => <code key={one}>{one}</code>)}{data.diverged.length > 5 && ` and ${data.diverged.length - 5} more`}.</p>}
          <div class="two">
            <Section title="Overview">
              <Facts rows={[
                ["Made", <><Time of={data.created} />{data.logged_by.length > 0 && <> by {data.logged_by.slice(0, 5).map((run) => <span key={run}><RunLink project={project} run={run} /> </span>)}</>}</>],
                ["Size", <>{size(data.size)} in {count(data.entries, "entry")}</>],
                ["Changed", <>{count(data.changed, "file")}{data.parent && <> since <VersionLink project={project} artifact={artifact} version={data.parent} />, {data.carried_over} carried over</>}</>],
                ...(data.merged_with ? [["Merged", <>with <VersionLink project={project} artifact={artifact} version={data.merged_with} /></>] as [string, preact.ComponentChildren]] : []),
                ["Used by", data.used_by.length === 0 ? <span class="muted">no run yet</span> : <>{data.used_by.slice(0, 8).map((run) => <span key={run}><RunLink project={project} run={run} /> </span>)}{data.used_by.length > 8 && <span class="muted">and {data.used_by.length - 8} more</span>}</>],
                ["Digest", <span class="mono break small-text">{data.digest}</span>],
              ]} />
              <Edit project={project} reference={reference} kind="version" description={data.description} tags={data.tags} aliases={data.aliases} />
            </Section>
            <Section title="Metadata"><Values of={data.metadata} empty="No metadata was written to .art/metadata.json." /></Section>
          </div>
          <Section title="Files" id="files">
            <div class="split">
              <div class="split-side"><Tree base={base} dir="" chosen={path} choose={(file) => setQuery({ file })} /></div>
              <div class="split-main">{path ? <FileView base={base} path={path} reference={reference} /> : <p class="muted pad">Choose a file to look into it.</p>}</div>
            </div>
          </Section>
          <div class="two">
            <Section title="Lineage" side={<div class="segments" role="group" aria-label="Direction">
              <button type="button" aria-pressed={direction === "up"} onClick={() => turn("up")}>Came from</button>
              <button type="button" aria-pressed={direction === "down"} onClick={() => turn("down")}>Went into</button></div>}>
              <Lineage project={project} of={reference} direction={direction} />
            </Section>
            <Section title="How do I get this?">
              <div class="pad gap">
                <p>{mount ? "On the mount it is a directory, whatever is latest:" : "On a mount it is a directory:"}</p>
                <Copy text={`${mount ?? "MOUNT"}/${artifact}/${data.version}`} />
                <p>Without a mount:</p>
                <Copy text={`art get ${reference} ./${artifact}`} />
                <p>Exactly this content, also after aliases move:</p>
                <Copy text={`art show ${artifact}@${data.digest.slice(0, 7 + 16)}`} />
              </div>
            </Section>
          </div>
        </>)}
      </Shown>
    </>
  );
}
