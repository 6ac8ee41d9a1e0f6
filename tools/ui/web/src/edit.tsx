// What may be edited after sealing: description, tags, aliases. Goes through the daemon.
import { useState } from "preact/hooks";
import { change, enc, get, type Version } from "./api";

interface Props { project: string; reference: string; kind: "version" | "run"; description: string; tags: string[]; aliases?: string[] }

export function Edit({ project, reference, kind, description, tags, aliases }: Props) {
  const [open, set] = useState(false);
  if (!open) return <p class="pad"><button type="button" class="small" onClick={() => set(true)}>Edit</button></p>;
  return <Form project={project} reference={reference} kind={kind} description={description} tags={tags} aliases={aliases} close={() => set(false)} />;
}

const words = (text: string) => text.split(/[\s,]+/).filter((word) => word !== "");

function Form({ project, reference, kind, description, tags, aliases, close }: Props & { close: () => void }) {
  const [text, setText] = useState(description);
  const [labels, setLabels] = useState(tags.join(" "));
  const own = (aliases ?? []).filter((name) => name !== "latest");
  const [names, setNames] = useState(own.join(" "));
  const [problem, setProblem] = useState("");
  const [sure, setSure] = useState(false);
  const [moved, setMoved] = useState<string[]>([]);
  const dropped = own.filter((name) => !words(names).includes(name));
  // Aliases that another version has now.
  const takenFromOthers = async (added: string[]) => {
    const [artifact, version] = reference.split(":");
    const { versions } = await get<{ versions: Version[] }>(`/api/projects/${enc(project)}/artifacts/${enc(artifact)}?limit=100000`);
    return versions.filter((one) => one.version !== version).flatMap((one) => one.aliases.filter((name) => added.includes(name)).map((name) => `${name} from ${one.version}`));
  };
  const save = async (event: Event) => {
    event.preventDefault();
    try {
      const added = words(names).filter((name) => !own.includes(name));
      // What reads through an alias sees another version from now on, or none: asked for once more.
      const taken = added.length > 0 && !sure ? await takenFromOthers(added) : [];
      if (dropped.length + taken.length > 0 && !sure) { setMoved(taken); setSure(true); return; }
      const wanted = words(labels);
      if (text !== description) await change(project, { change: "describe", ref: reference, text });
      const remove = tags.filter((tag) => !wanted.includes(tag)), add = wanted.filter((tag) => !tags.includes(tag));
      if (add.length > 0) await change(project, { change: "tag", ref: reference, add });
      if (remove.length > 0) await change(project, { change: "tag", ref: reference, remove });
      if (added.length > 0) await change(project, { change: "alias", ref: reference, names: added });
      if (dropped.length > 0) await change(project, { change: "unalias", ref: reference.split(":")[0], names: dropped });
      close();
    } catch (error) {
      setProblem((error as Error).message);
    }
  };
  return (
    <form class="edit pad gap" onSubmit={save} aria-label={`Edit ${reference}`}>
      <label>{kind === "run" ? "Notes" : "Description"}<textarea rows={2} value={text} onInput={(event) => setText(event.currentTarget.value)} /></label>
      <label>Tags<input value={labels} onInput={(event) => setLabels(event.currentTarget.value)} placeholder="words, with spaces between" /></label>
      {kind === "version" && <label>Aliases<input value={names} onInput={(event) => { setNames(event.currentTarget.value); setSure(false); }} placeholder="best, production" /></label>}
      {sure && dropped.length > 0 && <p class="warning">This drops {dropped.join(", ")}: paths and references through {dropped.length === 1 ? "it" : "them"} stop working. Save again to do it.</p>}
      {sure && moved.length > 0 && <p class="warning">This moves {moved.join(", ")}: paths and references through {moved.length === 1 ? "it" : "them"} lead here from then on. Save again to do it.</p>}
      {problem && <p class="problem" role="alert">{problem}</p>}
      <p class="row"><button type="submit" class="primary">{!sure ? "Save" : dropped.length > 0 ? "Drop and save" : "Move and save"}</button><button type="button" onClick={close}>Cancel</button></p>
    </form>
  );
}
