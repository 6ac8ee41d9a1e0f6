// What single parts of the pages do: filters, hovering, lineage, pictures side by side, editing.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { after, before, test } from "node:test";
import { launch } from "./browser.mjs";
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
  page = await browser.newPage({ viewport: { width: 1280, height: 720 } });
  page.setDefaultTimeout(Number(process.env.ARTFS_UI_PATIENCE ?? 60000));
  await page.goto(store.address);
});
after(async () => {
  await browser?.close();
  await store.close();
});

const open = async (path) => { await page.goto(store.origin + base + path); };
const region = (name) => page.getByRole("region", { name, exact: true });
const node = (id) => page.locator(`[data-node='${id}']`);

test("the first page lists what is stale and what is not sealed", async () => {
  await open("");
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

test("what takes long is said in words, what does not is not", async () => {
  await page.route(`**/api/projects/${project}/artifacts`, async (route) => { await new Promise((done) => setTimeout(done, 1500)); await route.continue(); });
  await page.goto(`${store.origin}${base}/artifacts`, { waitUntil: "commit" });
  await page.getByText("Loading the artifacts…").waitFor();
  await page.getByRole("link", { name: "digits", exact: true }).waitFor();
  assert.equal(await page.getByText("Loading the artifacts…").count(), 0);
  await page.unroute(`**/api/projects/${project}/artifacts`);
});
