// A screenshot of each page: node tests/ui/screenshots.mjs ADDRESS DIRECTORY
//
// ADDRESS is what `art ui` printed. playwright-core comes from the build, or from ARTFS_NODE_MODULES.
import { mkdirSync } from "node:fs";
import { launch } from "./browser.mjs";

const [address, directory] = process.argv.slice(2);
if (!directory) {
  console.error("usage: node tests/ui/screenshots.mjs ADDRESS DIRECTORY");
  process.exit(2);
}
mkdirSync(directory, { recursive: true });
const browser = await launch();
const origin = new URL(address).origin;
const token = new URL(address).searchParams.get("token");
const get = async (path) => (await fetch(origin + path, { headers: { Authorization: `Bearer ${token}` } })).json();
const { project } = await get("/api/projects");
const { runs } = await get(`/api/projects/${project}/runs?limit=500`);
const took = (run) => (run.ended ? Date.parse(run.ended) - Date.parse(run.started) : 0);
const longest = (type) => runs.filter((run) => run.job_type === type && run.state === "finished").sort((a, b) => took(b) - took(a));
const of = (type) => (longest(type)[0] ?? runs[0])?.name;
const trains = longest("train").slice(0, 3).map((run) => run.name);
const artifacts = await get(`/api/projects/${project}/artifacts`);
const model = artifacts.find((one) => one.artifact === "trained-model") ?? artifacts[0];
const base = `/p/${project}`;
const shots = [
  ["overview", base], ["graph", `${base}/graph`], ["graph-exploded", `${base}/graph?form=exploded`],
  ["graph-chosen", `${base}/graph?form=exploded`, `[data-node="train:${of("train")}"]`],
  ["runs", `${base}/runs?columns=summary.accuracy,summary.loss,config.epochs,config.batch_size`],
  ["run", `${base}/runs/${of("train")}`], ["run-images", `${base}/runs/${of("report")}`],
  ["artifacts", `${base}/artifacts`], ["artifact", `${base}/artifacts/${model.artifact}`],
  ["version", `${base}/artifacts/${model.artifact}/latest?file=trained_model.pth`],
  ["versions", `${base}/artifacts/${model.artifact}/compare?from=v0&to=latest&file=trained_model.pth`],
  ["compare", `${base}/compare?runs=${trains.join(",")}`],
];
for (const scheme of ["light", "dark"]) {
  for (const [width, height, suffix] of [[1280, 720, ""], [390, 844, "-phone"]]) {
    const context = await browser.newContext({ viewport: { width, height }, colorScheme: scheme });
    const page = await context.newPage();
    await page.goto(address);
    for (const [name, path, chosen] of shots) {
      await page.goto(origin + path);
      await page.waitForLoadState("load");
      if (chosen) await page.locator(chosen).dispatchEvent("click");
      await page.waitForTimeout(900);
      await page.screenshot({ path: `${directory}/${name}${suffix}-${scheme}.png` });
    }
    await context.close();
  }
}
await browser.close();
