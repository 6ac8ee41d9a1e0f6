// Addresses that can be shared: the path says which page, the query what of it is shown.
import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";

const listeners = new Set<() => void>();
const tell = () => listeners.forEach((listener) => listener());
window.addEventListener("popstate", tell);

export function navigate(to: string, replace = false): void {
  const leaves = new URL(to, location.href).pathname !== location.pathname;
  if (to !== location.pathname + location.search)
    history[replace ? "replaceState" : "pushState"](null, "", to);
  tell();
  if (replace) return;
  window.scrollTo(0, 0);
  // Keys and screen readers go on in the new page, not in what was there.
  if (leaves) document.getElementById("main")?.focus({ preventScroll: true });
}

export interface Where { path: string; search: URLSearchParams }

export function useWhere(): Where {
  const [, set] = useState(0);
  useEffect(() => {
    const listener = () => set((n) => n + 1);
    listeners.add(listener);
    return () => { listeners.delete(listener); };
  }, []);
  return { path: location.pathname, search: new URLSearchParams(location.search) };
}

// Changes some of the query, in place.
export function setQuery(values: Record<string, string | null>, replace = true): void {
  const search = new URLSearchParams(location.search);
  for (const [key, value] of Object.entries(values))
    if (value === null || value === "") search.delete(key); else search.set(key, value);
  const text = search.toString();
  navigate(location.pathname + (text ? "?" + text : ""), replace);
}

interface LinkProps { to: string; class?: string; title?: string; children?: ComponentChildren; current?: boolean; label?: string }

export function Link({ to, children, current, label, ...rest }: LinkProps) {
  const follow = (event: MouseEvent) => {
    if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    navigate(to);
  };
  return <a href={to} onClick={follow} aria-current={current ? "page" : undefined} aria-label={label} {...rest}>{children}</a>;
}
