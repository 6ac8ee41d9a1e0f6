// Charts of metrics: uPlot, with smoothing, a log scale, and a choice of what is along the bottom.
import { useEffect, useRef, useState } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import type { Metrics } from "./api";
import { axesOf, clock, clockTicks, elapsed, elapsedSteps, elapsedTick, metricNames, sayTime, seriesOf, titleOf, valueOn, type Series } from "./axes";
import { cut, number, tick } from "./format";
import { setQuery } from "./router";

export const palette = ["#2f6fdb", "#d9622b", "#1f9d7a", "#a447c9", "#c2912a", "#d13d6a", "#4a8f2e", "#5867d8", "#8a6d4b", "#128fb0"];

// As Weights & Biases and TensorBoard smooth: an exponential mean, corrected for its start.
export function smoothed(values: (number | null)[], weight: number): (number | null)[] {
  if (weight <= 0) return values;
  let last = 0, seen = 0;
  return values.map((one) => {
    if (one === null) return null;
    last = last * weight + (1 - weight) * one;
    seen += 1;
    return last / (1 - weight ** seen);
  });
}

interface ChartProps { title: string; series: Series[]; axis: string; smooth: number; log: boolean; tall?: boolean; colours?: string[] }

export function Chart({ title, series, axis, smooth, log, tall, colours = palette }: ChartProps) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const [theme, retheme] = useState(0);
  useEffect(() => {
    const again = () => retheme((n) => n + 1);
    const dark = matchMedia("(prefers-color-scheme: dark)");
    dark.addEventListener("change", again);
    const observer = new MutationObserver(again);
    observer.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
    return () => { dark.removeEventListener("change", again); observer.disconnect(); };
  }, []);
  const key = JSON.stringify([series.map((one) => one.name), axis, log, tall, theme, smooth > 0]);
  const data = dataOf(series, smooth, log);
  useEffect(() => {
    const at = box.current!;
    const style = getComputedStyle(document.documentElement);
    const ink = style.getPropertyValue("--muted").trim(), grid = style.getPropertyValue("--line").trim();
    const font = "12px system-ui, sans-serif";
    const width = () => Math.max(200, at.clientWidth);
    const drawn = series.map((one, i) => ({
      label: cut(one.name), stroke: colours[i % colours.length], width: 1.75, spanGaps: true,
      points: { show: one.x.length < 3, size: 7, fill: colours[i % colours.length] },
      value: (_: uPlot, value: number | null) => (value === null || value === undefined ? "–" : number(value)),
    }));
    const faint = smooth > 0 ? series.map((one, i) => ({ label: `${one.name} (raw)`, stroke: colours[i % colours.length] + "40", width: 1, spanGaps: true, points: { show: false } })) : [];
    const options: uPlot.Options = {
      width: width(), height: tall ? 420 : 220, series: [{ label: axis === elapsed || axis === clock ? "time" : titleOf(axis), value: (_, value) => (value === null || value === undefined ? "–" : valueOn(axis, value)) }, ...drawn, ...faint],
      scales: { x: { time: axis === clock }, y: { distr: log ? 3 : 1 } },
      axes: [{ stroke: ink, font, grid: { stroke: grid, width: 1 }, ticks: { stroke: grid }, size: axis === clock ? 44 : 30,
        ...(axis === clock ? { space: 80, values: (_: uPlot, ticks: number[], _axis: number, _space: number, apart: number) => clockTicks(ticks, apart) } : {}),
        ...(axis === elapsed ? { incrs: elapsedSteps, values: (_: uPlot, ticks: number[]) => ticks.map(elapsedTick) } : {}) },
        { stroke: ink, font, grid: { stroke: grid, width: 1 }, ticks: { stroke: grid }, size: (_, ticks) => 26 + 7 * Math.max(3, ...(ticks ?? []).map((one) => one.length)),
          values: (_, ticks) => ticks.map((one) => (one === null ? "" : tick(one))) }],
      legend: { show: true, live: true }, cursor: { points: { size: 6 } },
      hooks: { setCursor: [(of) => { if ((of.cursor.left ?? -1) < 0) showLast(of); }] },
    };
    const made = new uPlot(options, data, at);
    plot.current = made;
    showLast(made);
    const resize = new ResizeObserver(() => made.setSize({ width: width(), height: tall ? 420 : 220 }));
    resize.observe(at);
    return () => { resize.disconnect(); made.destroy(); plot.current = null; };
  }, [key]);
  const shown = JSON.stringify([data, smooth]);
  useEffect(() => { plot.current?.setData(data); if (plot.current) showLast(plot.current); }, [shown]);
  const last = series.map((one) => `${one.name} ends at ${number(one.y[one.y.length - 1] ?? 0)}`).join(", ");
  return (
    <figure class={`chart${tall ? " tall" : ""}${series.length > 1 ? " many" : ""}`} aria-label={`${title} over ${titleOf(axis)}: ${last}`}>
      <figcaption>{title}</figcaption><div ref={box} class="plot" />
    </figure>
  );
}

// While nothing is pointed at, the legend says where each line ends.
function showLast(plot: uPlot) {
  const last = (values: ArrayLike<number | null | undefined>) => {
    let i = values.length - 1;
    while (i >= 0 && (values[i] === null || values[i] === undefined)) --i;
    return i < 0 ? null : i;
  };
  plot.setLegend({ idxs: plot.data.map((values) => last(values as ArrayLike<number | null>)) }, false);
}

// One list of x for all series, as uPlot wants it.
function dataOf(series: Series[], smooth: number, log: boolean): uPlot.AlignedData {
  const positive = (values: (number | null)[]) => (log ? values.map((one) => (one !== null && one > 0 ? one : null)) : values);
  const tables = series.map((one) => [one.x, positive(smoothed(one.y, smooth))] as unknown as uPlot.AlignedData);
  if (smooth > 0) tables.push(...series.map((one) => [one.x, positive(one.y)] as unknown as uPlot.AlignedData));
  return tables.length ? uPlot.join(tables) : [[]];
}

export interface ChartSettings { axis: string; smooth: number; log: boolean; filter: string; large: string }

// In the address, so that what is seen can be shared; not at every step of the slider.
function useSettings(): [ChartSettings, (values: Partial<ChartSettings>) => void] {
  const [settings, change] = useState<ChartSettings>(() => {
    const search = new URLSearchParams(location.search), smooth = Number(search.get("smooth"));
    return { axis: search.get("x") ?? "", smooth: smooth >= 0 && smooth < 1 ? smooth : 0, log: search.get("log") === "1", filter: search.get("metrics") ?? "", large: search.get("large") ?? "" };
  });
  const untouched = useRef(true);
  useEffect(() => {
    if (untouched.current) { untouched.current = false; return; }
    const { axis, smooth, log, filter, large } = settings;
    const timer = setTimeout(() => setQuery({ x: axis, smooth: smooth ? smooth.toFixed(2) : null, log: log ? "1" : null, metrics: filter, large }), 250);
    return () => clearTimeout(timer);
  }, [settings]);
  return [settings, (values) => change((before) => ({ ...before, ...values }))];
}

function ChartBar({ axes, of, set }: { axes: string[]; of: ChartSettings; set: (values: Partial<ChartSettings>) => void }) {
  return (
    <div class="chartbar">
      <label>Along the bottom <select value={of.axis} onChange={(event) => set({ axis: event.currentTarget.value })}>
        {axes.map((name) => <option key={name} value={name}>{titleOf(name)}</option>)}</select></label>
      <label>Smoothing <input type="range" min="0" max="0.99" step="0.01" value={of.smooth} onInput={(event) => set({ smooth: Number(event.currentTarget.value) })} /> <span class="num">{of.smooth.toFixed(2)}</span></label>
      <label><input type="checkbox" checked={of.log} onChange={(event) => set({ log: event.currentTarget.checked })} /> Log scale</label>
      <input type="search" placeholder="Filter metrics" aria-label="Filter metrics" value={of.filter} onInput={(event) => set({ filter: event.currentTarget.value })} />
    </div>
  );
}

export function Charts({ metrics }: { metrics: Metrics[] }) {
  const axes = axesOf(metrics);
  const [settings, change] = useSettings();
  const { large } = settings;
  const axis = axes.includes(settings.axis) ? settings.axis : axes[0];
  const names = metricNames(metrics).filter((name) => name !== axis && name.toLowerCase().includes(settings.filter.toLowerCase()));
  return (
    <>
      <ChartBar axes={axes} of={{ ...settings, axis }} set={change} />
      {(axis === elapsed || axis === clock) && <p class="muted small-text pad">{sayTime(metrics)}</p>}
      <div class="charts">
        {names.slice(0, 60).map((name) => {
          const series = metrics.map((one) => ({ run: one.run, of: seriesOf(one, name, axis) }));
          const colours = series.map((_, i) => palette[i % palette.length]).filter((_, i) => series[i].of !== null);
          const drawn = series.flatMap((one) => (one.of ? [one.of] : []));
          return (
            <div key={name} class={large === name ? "chart-cell large" : "chart-cell"}>
              <button type="button" class="small enlarge" aria-pressed={large === name} aria-label={`Enlarge ${name}`} title={large === name ? "Smaller" : "Larger"} onClick={() => change({ large: large === name ? "" : name })}>{large === name ? "−" : "+"}</button>
              {drawn.length ? <Chart title={name} series={drawn} axis={axis} smooth={settings.smooth} log={settings.log} tall={large === name} colours={colours} />
                : <p class="muted pad">{name}: no line has both it and {titleOf(axis)}.</p>}
            </div>);
        })}
      </div>
      {names.length > 60 && <p class="muted pad">60 of {names.length} metrics are drawn: filter for the others.</p>}
      {names.length === 0 && <p class="muted pad">No metric fits.</p>}
    </>
  );
}
