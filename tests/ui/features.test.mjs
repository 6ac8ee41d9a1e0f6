// What single parts of the pages do: filters, hovering, lineage, pictures side by side, editing.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { after, before, test } from "node:test";
import { launch, openPage } from "./browser.mjs";
import { project, TestStore } from "./store.mjs";

const store = new TestStore();
const base = `/p/${project}`;
let browser, page;

before(async () => {
  store.fill();
  const { mount, inputs } = store;
  store.run("pictures-1", "draw", `mkdir -p ${mount}/pictures && cp ${inputs}/dot.png ${mount}/pictures/latest/dot.png; printf '{"shade": 200}' > ${mount}/pictures/latest/.art/metadata.json`);
  store.run("pictures-2", "draw", `cp ${inputs}/dark.png ${mount}/pictures/latest/dot.png; printf '{"shade": 30}' > ${mount}/pictures/latest/.art/metadata.json`);
  store.run("left-1", "load-data", `mkdir -p ${mount}/left && echo 1 > ${mount}/left/latest/one; exit 1`);
  store.run("load-2", "load-data", `echo more > ${mount}/digits/latest/more.txt`);
  // One that began in a git repository.
  const work = `${inputs}/work`;
  mkdirSync(work);
  const git = (...words) => execFileSync("git", ["-c", "user.name=a", "-c", "user.email=a@example.org", ...words], { cwd: work, encoding: "utf8" }).trim();
  git("init", "-q");
  git("commit", "-q", "--allow-empty", "-m", "first");
  store.commit = git("rev-parse", "HEAD");
  execFileSync(process.env.ARTFS_ART, ["run", "--name", "described-1", "--", "sh", "-c", `cat ${mount}/net/latest/seed; echo done`], { cwd: work, env: { ...store.environment, CUDA_VISIBLE_DEVICES: "5" }, stdio: "ignore" });
  store.json("runs");
  await store.serve();
  browser = await launch();
  page = await openPage(browser, store);
});
after(async () => {
  await browser?.close();
  await store.close();
});

const open = async (path) => { await page.goto(store.origin + base + path); };
const region = (name) => page.getByRole("region", { name, exact: true });
const node = (id) => page.locator(`[data-node='${id}']`);

test("the first page counts, and lists what is stale and what is not sealed", async () => {
  await open("");
  for (const words of [/^4 ?artifacts/, /^6 ?versions/, /^10 ?runs/, /^0 ?live now/]) await page.locator(".number").filter({ hasText: words }).waitFor();
  await region("Stale").getByRole("link", { name: "net:v1" }).waitFor();
  const drafts = region("Unsealed drafts");
  await drafts.getByRole("cell", { name: "abandoned" }).waitFor();
  await drafts.getByRole("link", { name: "left", exact: true }).waitFor();
  await drafts.getByRole("link", { name: "left-1" }).click();
  await page.getByRole("heading", { level: 1, name: "left-1" }).waitFor();
});

test("the graph is filtered by type, job type, state, time and name", async () => {
  await open("/graph?form=exploded");
  await node("train:train-1").waitFor();
  await page.getByLabel("Artifact type").selectOption("model");
  await node("dataset:digits:v0").waitFor({ state: "detached" });
  await node("model:net:v0").waitFor();
  await page.getByLabel("Artifact type").selectOption("");
  await page.getByLabel("Job type").selectOption("report");
  await node("train:train-1").waitFor({ state: "detached" });
  await node("report:report-1").waitFor();
  await page.getByLabel("State", { exact: true }).selectOption("failed,killed,lost");
  await node("report:report-1").waitFor({ state: "detached" });
  await node("report:broken-1").waitFor();
  assert.match(page.url(), /job_type=report&state=failed/);
  await page.getByLabel("Job type").selectOption("");
  await page.getByLabel("State", { exact: true }).selectOption("");
  await page.getByLabel("Time").selectOption("3600");
  await node("train:train-1").waitFor();
  await open("/graph?form=exploded&since=1");
  await page.getByText("Nothing fits").waitFor();
  // A name is given by a node of the graph by name: it is said, and can be taken away.
  await open("/graph?form=names");
  await node("dataset:pictures").click();
  await page.getByRole("complementary").getByRole("button", { name: "Explode" }).click();
  await page.getByText(/Only what has pictures in its name/).waitFor();
  await node("draw:pictures-2").waitFor();
  await node("train:train-1").waitFor({ state: "detached" });
  await page.getByRole("button", { name: "Show everything" }).click();
  await node("train:train-1").waitFor();
});

test("the collapsed graph counts, and is moved and zoomed by the mouse and by keys", async () => {
  await open("/graph");
  await node("train").locator("text", { hasText: "2 runs" }).waitFor();
  await node("report").locator("text", { hasText: "2 runs · 1 failed" }).waitFor();
  await node("dataset").locator("text", { hasText: "4 versions" }).waitFor();
  const seen = async () => {
    const [x, y, scale] = (await page.locator("g.world").getAttribute("transform")).match(/-?[\d.]+(?:e-?\d+)?/g).map(Number);
    return { x, y, scale };
  };
  const until = (wanted) => page.waitForFunction(({ x, y, scale, wanted: is }) => {
    const now = document.querySelector("g.world").getAttribute("transform").match(/-?[\d.]+(?:e-?\d+)?/g).map(Number);
    return { larger: now[2] > scale, smaller: now[2] < scale, moved: Math.abs(now[0] - x - 50) < 1 && Math.abs(now[1] - y - 30) < 1, left: now[0] > x }[is];
  }, wanted);
  const at = await seen();
  await page.mouse.move(640, 560);
  await page.mouse.wheel(0, -300);
  await until({ ...at, wanted: "larger" });
  const large = await seen();
  await page.mouse.down();
  await page.mouse.move(660, 570);
  await page.mouse.move(690, 590);
  await page.mouse.up();
  await until({ ...large, wanted: "moved" });
  await page.locator(".canvas").focus();
  await page.keyboard.press("-");
  await until({ ...large, wanted: "smaller" });
  const before = await seen();
  await page.keyboard.press("ArrowLeft");
  await until({ ...before, wanted: "left" });
  await page.keyboard.press("0");
  await page.waitForFunction((is) => document.querySelector("g.world").getAttribute("transform") === is, `translate(${at.x},${at.y}) scale(${at.scale})`);
});

test("edges lead from left to right, and show their files under the mouse", async () => {
  await open("/graph?form=exploded&focus=net:v0");
  await node("train:train-1").waitFor();
  const { edges } = await store.api("/graph?form=exploded&focus=net:v0");
  const places = await page.evaluate(() => Object.fromEntries([...document.querySelectorAll("[data-node]")].map((one) => [one.dataset.node, one.getBoundingClientRect().x])));
  assert.ok(edges.length >= 3);
  for (const edge of edges) assert.ok(places[edge.from] < places[edge.to], JSON.stringify([edge, places]));
  const at = await page.locator(".link-use .touch").first().evaluate((path) => {
    const point = path.getPointAtLength(path.getTotalLength() / 2).matrixTransform(path.getScreenCTM());
    return [point.x, point.y];
  });
  await page.mouse.move(...at);
  await page.getByTestId("edge-files").getByText("readme.txt").waitFor();
  await page.mouse.move(640, 700);
  await page.getByTestId("edge-files").waitFor({ state: "detached" });
});

test("pictures of two versions stand side by side", async () => {
  await open("/artifacts/pictures/v1");
  await page.getByRole("link", { name: "Compare with v0" }).click();
  await region("Metadata").getByRole("row", { name: "shade 200 30" }).waitFor();
  await page.getByRole("button", { name: "dot.png" }).click();
  await page.waitForFunction(() => [...document.querySelectorAll(".beside .picture img")].filter((one) => one.naturalWidth === 8).length === 2);
});

test("a version says where it came from, where it went, and how to get it", async () => {
  await open("/artifacts/net/v0");
  const lineage = region("Lineage");
  await lineage.getByRole("link", { name: "train:train-1" }).waitFor();
  await lineage.getByRole("link", { name: "dataset:digits:v0" }).waitFor();
  await lineage.getByText("readme.txt").waitFor();
  await open("/artifacts/digits/v0");
  await lineage.getByRole("button", { name: "Went into" }).click();
  await lineage.getByRole("link", { name: "model:net:v1" }).waitFor();
  const how = region("How do I get this?");
  await how.getByText(`${store.mount}/digits/v0`).waitFor();
  await how.getByText("art get digits:v0 ./digits").waitFor();
  const { digest } = store.json("show", "digits:v0");
  await how.getByText(`art show digits@${digest.slice(0, 23)}`).waitFor();
  await region("Overview").getByText(digest).waitFor();
});

test("a run says what it was, where it ran and what it took", async () => {
  await open("/runs/described-1");
  await region("Overview").getByText(store.commit.slice(0, 12)).waitFor();
  await region("Overview").getByText("exit status 0").waitFor();
  await region("Environment").getByRole("row", { name: "CUDA_VISIBLE_DEVICES 5" }).waitFor();
  await region("Resources").getByText("Processor").waitFor();
  await region("Console").getByText("done").waitFor();
  const [download] = await Promise.all([page.waitForEvent("download"), region("Console").getByRole("link", { name: /output.log/ }).click()]);
  assert.equal(download.suggestedFilename(), "output.log");
});

test("a run's notes and tags are edited", async () => {
  await open("/runs/described-1");
  await page.getByRole("button", { name: "Edit" }).click();
  await page.getByLabel("Notes").fill("Try a smaller rate");
  await page.getByLabel("Tags").fill("kept first");
  await page.getByRole("button", { name: "Save" }).click();
  await region("Overview").getByText("Try a smaller rate").waitFor();
  await page.locator(".chip-tag", { hasText: "kept" }).waitFor();
  assert.deepEqual(store.json("show", "@described-1").tags.sort(), ["first", "kept"]);
  await page.getByRole("button", { name: "Edit" }).click();
  await page.getByLabel("Tags").fill("kept");
  await page.getByRole("button", { name: "Save" }).click();
  await page.locator(".chip-tag", { hasText: "first" }).waitFor({ state: "detached" });
});

test("the table of runs is sorted by its heads", async () => {
  await open("/runs");
  const names = () => page.locator("tbody td:nth-child(2) a").allTextContents();
  await page.getByRole("button", { name: "Run", exact: true }).click();
  await page.getByRole("columnheader", { name: "Run ↑" }).waitFor();
  await page.waitForFunction(() => document.querySelector("tbody td:nth-child(2) a")?.textContent === "broken-1");
  await page.getByRole("button", { name: "Run ↑" }).click();
  await page.waitForFunction(() => document.querySelector("tbody td:nth-child(2) a")?.textContent === "train-2");
  const shown = await names();
  assert.deepEqual(shown, [...shown].sort().reverse());
});

test("runs of a job type stand together over all pages, and are counted whole", async () => {
  const listing = await store.api("/runs?group=job_type&limit=3&sort=name");
  assert.deepEqual([listing.groups, listing.total], [{ draw: 2, "load-data": 3, report: 2, sh: 1, train: 2 }, 10]);
  assert.deepEqual(listing.runs.map((run) => run.name), ["pictures-1", "pictures-2", "left-1"]);
  const rates = await store.api("/runs?group=job_type&sort=config.rate&order=desc");
  assert.deepEqual(rates.runs.slice(-2).map((run) => run.name), ["train-1", "train-2"]);
  assert.equal((await store.fetch(`/api/projects/${project}/runs?group=state`)).status, 400);
  await page.route(/\/runs\?/, (route) => route.continue({ url: route.request().url().replace("limit=100", "limit=4") }));
  await open("/runs?group=job_type");
  await page.getByRole("rowheader", { name: "load-data 3 runs, 2 on this page" }).waitFor();
  await page.unroute(/\/runs\?/);
});

test("charts are drawn over another metric, smoothed, and on a log scale", async () => {
  const lines = [[1, 8], [10, 6], [100, 4], [-5, 2]].map(([loss, accuracy], step) => JSON.stringify({ step, loss, accuracy }));
  store.run("curve-1", "train", `printf '%s\n' '${lines.join("' '")}' > ${store.mount}/.art/run/metrics.jsonl`);
  await open("/runs/curve-1");
  const figure = (name) => page.getByRole("figure", { name });
  const legend = (name, text) => figure(name).locator(".u-series").nth(1).getByText(text, { exact: true }).waitFor();
  await legend(/^loss over step/, "-5");
  // As W&B smooths: weighted means, corrected for their start.
  await page.getByLabel(/Smoothing/).fill("0.5");
  const mean = [1, 10, 100, -5].reduce((sum, value) => sum / 2 + value / 2, 0) / (1 - 0.5 ** 4);
  await legend(/^loss over step/, String(Number(mean.toPrecision(5))));
  await page.getByLabel(/Smoothing/).fill("0");
  await page.getByLabel(/Along the bottom/).selectOption("accuracy");
  await figure(/^loss over accuracy: curve-1 ends at 1$/).waitFor();
  await page.getByLabel(/Along the bottom/).selectOption("step");
  await page.getByLabel("Log scale").check();
  await legend(/^loss over step/, "100");  // what is not above zero has no place there
});

test("an artifact's page says of each version what it is", async () => {
  await open("/artifacts/digits");
  const row = page.getByRole("row", { name: /digits:v1/ });
  for (const words of ["latest", "load-2", "1 file"]) await row.getByText(words).first().waitFor();
  const { size } = store.json("show", "digits:v1");
  await row.getByRole("cell", { name: `${size} B`, exact: true }).or(row.getByRole("cell", { name: /KiB/ })).first().waitFor();
  await page.getByRole("row", { name: /digits:v0/ }).getByText("Some digits").waitFor();
  await region("History").getByText("made, of type dataset").waitFor();
});

test("files of each kind are looked into on the page", async () => {
  const { inputs, mount } = store;
  store.input("long.csv", "number\n" + Array.from({ length: 500 }, (_, i) => `${i}\n`).join(""));
  store.run("kinds-1", "load-data", `mkdir -p ${mount}/kinds; cp ${inputs}/net.pt ${mount}/kinds/latest/net.pth; cp ${inputs}/long.csv ${inputs}/x.json ${inputs}/arrays.npz ${inputs}/net.safetensors ${inputs}/evil.pt ${mount}/kinds/latest/; printf '\\000\\001\\377' > ${mount}/kinds/latest/raw.bin`);
  for (const [file, words] of [["net.pth", "fc.weight"], ["net.safetensors", "F32"], ["arrays.npz", "5 × 4"], ["evil.pt", "nothing in the file was run"], ["x.json", '"list": ['], ["raw.bin", "00 01 ff"], ["long.csv", "Of more, 200 rows and 1 column are shown."]]) {
    await open(`/artifacts/kinds/v0?file=${file}`);
    await region("Files").locator(".split-main").getByText(words).first().waitFor();
  }
});

test("what takes long is said in words, what does not is not", async () => {
  await page.route(`**/api/projects/${project}/artifacts`, async (route) => { await new Promise((done) => setTimeout(done, 1500)); await route.continue(); });
  await page.goto(`${store.origin}${base}/artifacts`, { waitUntil: "commit" });
  await page.getByText("Loading the artifacts…").waitFor();
  await page.getByRole("link", { name: "digits", exact: true }).waitFor();
  assert.equal(await page.getByText("Loading the artifacts…").count(), 0);
  await page.unroute(`**/api/projects/${project}/artifacts`);
});
