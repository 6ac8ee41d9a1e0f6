// What may be along the bottom of a chart: steps, time, the line, or another metric.
import type { Metrics } from "./api";
import { duration, number, when } from "./format";

export interface Series { name: string; x: number[]; y: (number | null)[] }

export const axisNames = ["step", "_step", "global_step", "example_ct", "iteration", "iter", "epoch"];
const timeNames = ["_timestamp", "timestamp", "wall_time", "time"];
export const elapsed = "elapsed", clock = "clock", line = "line";

const titles: Record<string, string> = { [elapsed]: "time since the start", [clock]: "time of day", [line]: "line of metrics.jsonl" };
export const titleOf = (axis: string) => titles[axis] ?? axis;

// Seconds since 1970, of what may be milliseconds; null of what is no time of our days.
function epoch(value: number | null | undefined): number | null {
  if (value === null || value === undefined) return null;
  const seconds = value > 1e11 ? value / 1000 : value;
  return seconds > 1e9 && seconds < 1e10 ? seconds : null;
}

const ownTime = (metrics: Metrics) => timeNames.find((name) => metrics.columns[name]?.some((one) => epoch(one) !== null));

// When each row was: as the program says, else when its line came.
function timesOf(metrics: Metrics): (number | null)[] {
  const own = ownTime(metrics);
  return metrics.times.map((came, i) => (own ? epoch(metrics.columns[own][i]) : null) ?? came);
}

export function sayTime(metrics: Metrics[]): string {
  const own = metrics.map(ownTime);
  if (own.every((name) => name !== undefined)) return `Time is what the program wrote: ${[...new Set(own)].join(", ")}.`;
  return own.some((name) => name !== undefined) ? "Time is what the program wrote, else when its line was written." : "Time is when each line was written.";
}

function namesOf(metrics: Metrics[]): string[] {
  return [...new Set(metrics.flatMap((one) => Object.keys(one.columns)))];
}

export function axesOf(metrics: Metrics[]): string[] {
  const names = namesOf(metrics);
  // A file that was copied as a whole came all at once: that is no time to draw over.
  const timed = metrics.some((one) => { const [first, last] = range(timesOf(one)); return last > first; });
  const known = axisNames.filter((name) => names.includes(name));
  return [...known, ...(timed ? [elapsed, clock] : []), line, ...names.filter((name) => !known.includes(name) && !(timed && isTime(metrics, name))).sort()];
}

function range(of: (number | null)[]): number[] {
  let least = Infinity, most = -Infinity;
  for (const one of of) if (one !== null) { least = Math.min(least, one); most = Math.max(most, one); }
  return [least, most];
}

const isTime = (metrics: Metrics[], name: string) => timeNames.includes(name) && metrics.some((one) => ownTime(one) === name);

export function metricNames(metrics: Metrics[]): string[] {
  return namesOf(metrics).filter((name) => !axisNames.includes(name) && !isTime(metrics, name)).sort();
}

function placesOf(metrics: Metrics, axis: string): (number | null)[] | null {
  if (axis === clock) return timesOf(metrics);
  if (axis === elapsed) { const start = Date.parse(metrics.started) / 1000; return timesOf(metrics).map((at) => (at === null ? null : at - start)); }
  if (axis === line) return metrics.times.map((_, i) => i + 1);
  return metrics.columns[axis] ?? null;
}

// The points that have both; in order of x, which need not be the order of writing.
export function seriesOf(metrics: Metrics, name: string, axis: string): Series | null {
  const y = metrics.columns[name], x = placesOf(metrics, axis);
  if (!y || !x) return null;
  const points: [number, number][] = [];
  for (let i = 0; i < y.length; ++i) {
    const at = x[i], value = y[i];
    if (at !== null && at !== undefined && value !== null) points.push([at, value]);
  }
  points.sort((a, b) => a[0] - b[0]);
  return points.length ? { name: metrics.run, x: points.map((p) => p[0]), y: points.map((p) => p[1]) } : null;
}

export function valueOn(axis: string, of: number): string {
  if (axis === elapsed) return duration(of);
  return axis === clock ? when(new Date(of * 1000).toISOString()) : number(of);
}

// The day stands where it begins.
export function clockTicks(ticks: number[], apart: number): string[] {
  const day = (of: Date) => of.toLocaleDateString(undefined, { month: "short", day: "numeric" });
  return ticks.map((one, i) => {
    const at = new Date(one * 1000);
    if (apart >= 86400) return day(at);
    const time = at.toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit", ...(apart < 60 ? { second: "2-digit" } : {}), hourCycle: "h23" });
    return i > 0 && day(at) !== day(new Date(ticks[i - 1] * 1000)) ? `${time}\n${day(at)}` : time;
  });
}

// Ticks of a clock, not of tens.
export const elapsedSteps = [0.001, 0.01, 0.1, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400, 172800, 432000, 864000, 2592000];
export function elapsedTick(of: number): string {
  if (of < 1) return of === 0 ? "0" : `${Math.round(of * 1000)} ms`;
  if (of < 60) return `${Number(of.toPrecision(3))} s`;
  if (of < 3600) return of % 60 === 0 ? `${of / 60} min` : `${Math.floor(of / 60)}:${String(Math.round(of % 60)).padStart(2, "0")}`;
  if (of < 172800) return of % 3600 === 0 ? `${of / 3600} h` : `${Math.floor(of / 3600)}:${String(Math.round((of % 3600) / 60)).padStart(2, "0")} h`;
  return `${Number((of / 86400).toPrecision(3))} d`;
}
