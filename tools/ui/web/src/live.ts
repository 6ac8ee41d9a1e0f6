// Data that stays true: fetched again when the server says that something changed.
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { ApiError, getText } from "./api";

type Listener = () => void;
const listeners = new Set<Listener>();
let source: EventSource | null = null;

// Hidden pages let go of their stream: browsers allow few to one server.
function connect() {
  if (document.hidden) { source?.close(); source = null; return; }
  if (source) return;
  source = new EventSource("/api/events");
  const tell = () => listeners.forEach((listener) => listener());
  source.addEventListener("change", tell);
  // A browser gives up for good on an answer that is no stream: of a server that goes or is full.
  source.addEventListener("error", () => {
    tell();  // who asks now hears whether the server is there
    if (source?.readyState !== EventSource.CLOSED) return;
    source = null;
    setTimeout(() => { if (listeners.size > 0) connect(); }, 2000);
  });
}
document.addEventListener("visibilitychange", () => { connect(); });

export function onChange(listener: Listener): () => void {
  listeners.add(listener);
  connect();
  return () => { listeners.delete(listener); };
}

export interface Loaded<T> { data: T | null; error: ApiError | null; waiting: boolean; again: () => void }

// `every`: also fetched so often (milliseconds), for what grows without a change of the catalog.
export function useData<T>(path: string | null, every = 0): Loaded<T> {
  const [state, set] = useState<{ path: string | null; data: T | null; error: ApiError | null }>({ path, data: null, error: null });
  const [waiting, setWaiting] = useState(false);
  const again = useRef<() => void>(() => {});
  // Not after the first paint, which takes longer than many an answer.
  useLayoutEffect(() => {
    if (!path) { set({ path, data: null, error: null }); return; }
    const abort = new AbortController();
    let busy = false, missed = false, timer = 0, retry = 0, last = "";
    const words = window.setTimeout(() => setWaiting(true), 200);
    const load = async () => {
      if (busy) { missed = true; return; }
      busy = true;
      try {
        const text = await getText(path, abort.signal);
        if (text !== last) set({ path, data: JSON.parse(text) as T, error: null });
        last = text;
      } catch (error) {
        if (abort.signal.aborted) return;
        last = "";
        set((before) => ({ path, data: before.path === path ? before.data : null, error: error as ApiError }));
        // What is gone may come back, and nobody says so.
        const status = (error as ApiError).status;
        if (status === 0 || status >= 500) retry = window.setTimeout(() => void load(), 2000);
      }
      clearTimeout(words);
      setWaiting(false);
      // A busy store changes all the time: a breath between two looks.
      window.setTimeout(() => { busy = false; if (missed) { missed = false; void load(); } }, 400);
    };
    again.current = () => void load();
    void load();
    const off = onChange(() => void load());
    if (every > 0) timer = window.setInterval(() => { if (!document.hidden) void load(); }, every);
    return () => { abort.abort(); off(); clearTimeout(words); clearTimeout(retry); clearInterval(timer); };
  }, [path, every]);
  const fresh = state.path === path;
  return { data: fresh ? state.data : null, error: fresh ? state.error : null, waiting, again: () => again.current() };
}
