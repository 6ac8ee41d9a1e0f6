// Numbers, sizes and times as people read them.

export function size(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
  let unit = 0;
  for (; bytes >= 1024 && unit + 1 < units.length; ++unit) bytes /= 1024;
  return unit === 0 ? `${bytes} B` : `${bytes.toFixed(bytes < 10 ? 1 : 0)} ${units[unit]}`;
}

export function count(number: number, noun: string): string {
  const plural = noun.endsWith("y") ? noun.slice(0, -1) + "ies" : noun + "s";
  return `${number.toLocaleString("en")} ${number === 1 ? noun : plural}`;
}

export function duration(seconds: number): string {
  if (seconds < 1) return `${Math.max(0, Math.round(seconds * 1000))} ms`;
  if (seconds < 60) return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${Math.round(seconds % 60)} s`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

export function ago(time: string): string {
  const seconds = (Date.now() - Date.parse(time)) / 1000;
  if (seconds < 5) return "just now";
  if (seconds < 60) return `${Math.floor(seconds)} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ago`;
  if (seconds < 30 * 86400) return `${Math.floor(seconds / 86400)} d ago`;
  return new Date(time).toLocaleDateString(undefined, { year: "numeric", month: "short", day: "numeric" });
}

export function when(time: string): string {
  return new Date(time).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" });
}

export function value(of: unknown): string {
  if (of === undefined) return "";
  if (typeof of === "number") return number(of);
  if (typeof of === "string") return of;
  return JSON.stringify(of);
}

export function number(of: number): string {
  if (Number.isInteger(of) || !Number.isFinite(of)) return String(of);
  const size = Math.abs(of);
  return size >= 1e6 || size < 1e-4 ? of.toExponential(3) : String(Number(of.toPrecision(5)));
}

// What stands beside an axis: short, and as exact as its neighbours need.
export function tick(of: number): string {
  const size = Math.abs(of);
  if (size >= 1e5) return of.toLocaleString("en", { notation: "compact", maximumSignificantDigits: 4 });
  return of !== 0 && size < 1e-3 ? of.toExponential(3).replace(/\.?0+e/, "e") : String(Number(of.toPrecision(5)));
}

// Long names differ at their ends: what is cut is the middle.
export function cut(name: string): string {
  return name.length <= 36 ? name : `${name.slice(0, 22)}…${name.slice(-12)}`;
}

// A command as it would be typed.
export function shell(words: string[]): string {
  return words.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`)).join(" ");
}

// One object's leaves: {"a": {"b": 1}} has "a.b".
export function flat(object: Record<string, unknown>, prefix = ""): Record<string, unknown> {
  const leaves: Record<string, unknown> = {};
  for (const [key, inner] of Object.entries(object)) {
    const name = prefix ? `${prefix}.${key}` : key;
    if (inner !== null && typeof inner === "object" && !Array.isArray(inner) && Object.keys(inner).length > 0)
      Object.assign(leaves, flat(inner as Record<string, unknown>, name));
    else leaves[name] = inner;
  }
  return leaves;
}
