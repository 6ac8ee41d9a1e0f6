// The server's documents (openapi.json), and how pages get them.

export interface Version {
  artifact: string; version: string; type: string; description: string; aliases: string[]; tags: string[];
  digest: string; size: number; created: string; parent: string | null; changed: number; carried_over: number;
  logged_by: string[];
}
export interface FullVersion extends Version {
  used_by: string[]; metadata: Record<string, unknown>; sealed_metadata: Record<string, unknown>; entries: number;
  merged_with: string | null; diverged: string[];
}
export interface Edge { artifact: string; version: string; segment: number; files?: string[]; count?: number }
export interface Run {
  name: string; id: string; job_type: string; state: string; exit_code: number | null; signal: number | null;
  exit_known: boolean; cwd: string; user: string; host: string; started: string; ended: string | null; tags: string[];
  segments: number; commands: string[][]; command: string[]; parent: string | null; logs: Edge[];
}
export interface RunRow extends Run { config: Record<string, unknown>; summary: Record<string, unknown> }
export interface FullRun extends RunRow {
  executable: string; executable_sha256: string | null; git: { commit: string; dirty: boolean } | null;
  resources: { peak_memory?: number; cpu_user_seconds?: number; cpu_system_seconds?: number; bytes_read?: number; bytes_written?: number };
  history: { when: string; who: string; what: string; detail: Record<string, unknown> }[];
  environment: Record<string, string>; resumes: string | null; peeks: { artifact: string; run: string; path: string }[];
  uses: Edge[]; confirmed: Edge[]; drafts: { artifact: string; base: string | null; size: number; age_seconds: number }[];
  description?: string; data_files?: { path: string; size: number }[];
}
export interface GraphNode {
  id: string; kind: "artifact" | "run"; type?: string; job_type?: string; count: number; state?: string;
  states?: Record<string, number>; artifact?: string; version?: string; run?: string; latest?: boolean;
}
export interface GraphEdge { from: string; to: string; kind: "use" | "log"; count: number }
export interface Graph {
  nodes: GraphNode[]; edges: GraphEdge[]; form: string; clustered: boolean; instances: number; most_nodes: number;
  types: string[]; job_types: string[]; focus?: string;
}
export interface Metrics { rows: number; shown: number; columns: Record<string, (number | null)[]>; times: (number | null)[]; run: string; started: string; state: string }
export interface Media { path: string; size: number; image: boolean; group: string; caption: string | null; text?: string }
export interface FileRow { name: string; type: "file" | "dir" | "symlink"; size: number; sha256?: string; target?: string; entries?: number }
export interface Preview {
  kind: "image" | "text" | "csv" | "json" | "tensors" | "binary"; text?: string; truncated?: boolean; hex?: string;
  note?: string; tensors?: { name: string; shape: number[]; dtype: string }[];
}

export class ApiError extends Error {
  constructor(public status: number, message: string) { super(message); }
}

export function query(values: Record<string, string | number | boolean | undefined | null>): string {
  const search = new URLSearchParams();
  for (const [key, value] of Object.entries(values))
    if (value !== undefined && value !== null && value !== "" && value !== false) search.set(key, String(value));
  const text = search.toString();
  return text ? "?" + text : "";
}

export const enc = encodeURIComponent;

// The text of a document, which says by itself whether anything in it has changed.
export async function getText(path: string, signal?: AbortSignal): Promise<string> {
  let response: Response, text: string;
  try {
    response = await fetch(path, { signal, headers: { Accept: "application/json" } });
    text = await response.text();
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError(0, "art ui does not answer: start it again, and open the address it prints");
  }
  if (!response.ok) throw new ApiError(response.status, messageOf(text) ?? `the server answered ${response.status}`);
  return text;
}

function messageOf(text: string): string | undefined {
  try { return JSON.parse(text)?.error?.message; } catch { return undefined; }
}

export async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  return JSON.parse(await getText(path, signal)) as T;
}

export async function change(project: string, body: object): Promise<void> {
  const response = await fetch(`/api/projects/${enc(project)}/changes`, {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
  });
  if (!response.ok) throw new ApiError(response.status, messageOf(await response.text()) ?? "the change was refused");
}
