// What the tutorial looks at: the example pipeline's graph, a model's page, a training run's charts
// while it trains, and the digits it found hardest.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { launch, openPage } from "./browser.mjs";
import { project, TestStore } from "./store.mjs";

const stages = process.env.ARTFS_STAGES, data = process.env.ARTFS_MNIST_DATA;
const skip = stages && data ? false : "ARTFS_STAGES and ARTFS_MNIST_DATA are not set: run tests/run";
const base = `/p/${project}`;
let store, browser, page;

before(async () => {
  if (skip) return;
  store = new TestStore();
  const script = fileURLToPath(new URL("../../examples/mnist/pipeline.sh", import.meta.url));
  // A session of its own, as a person's terminal is: else all of it is this program's run.
  execFileSync("script", ["--quiet", "--return", "--command", `bash ${script}`, "/dev/null"],
    { env: { ...store.environment, QUICK: "1", ART: store.mount, DATA: data, BIN: stages }, stdio: ["ignore", "ignore", "inherit"] });
  await store.serve();
  browser = await launch();
  page = await openPage(browser, store, 120000);
});
after(async () => {
  await browser?.close();
  await store?.close();
});

const open = (path) => page.goto(store.origin + base + path);
const runOf = (type) => store.json("runs").find((run) => run.job_type === type).name;
const shownIds = () => page.locator("[data-node]").evaluateAll((all) => all.map((one) => one.dataset.node).sort());
const ids = (graph) => graph.nodes.map((node) => node.id).sort();

test("the graph, collapsed and exploded, is the pipeline", { skip }, async () => {
  await open("/graph");
  await page.locator("[data-node='train']").waitFor();
  assert.deepEqual(await shownIds(), ["dataset", "initialize", "load-data", "model", "preprocess-data", "report", "train"]);
  await page.locator("[data-node='dataset'] text", { hasText: "2 versions" }).waitFor();
  assert.deepEqual(await shownIds(), ids(store.json("graph")));
  await page.getByRole("button", { name: "Explode" }).click();
  await page.locator("[data-node='model:trained-model:v0']").waitFor();
  assert.deepEqual(await shownIds(), ids(store.json("graph", "--explode")));
  await page.getByRole("button", { name: "Collapsed" }).click();
  await page.locator("[data-node='model:trained-model:v0']").waitFor({ state: "detached" });
  assert.deepEqual(await shownIds(), ids(store.json("graph")));
});

test("a model's page has its metadata and its tensors", { skip }, async () => {
  await open("/artifacts/trained-model/v0?file=trained_model.pth");
  await page.getByRole("region", { name: "Metadata" }).getByRole("row", { name: "hidden_layer_sizes [32,64]" }).waitFor();
  await page.getByRole("row", { name: /^layer1\.0\.weight 32 × 1 × 3 × 3 float32 288$/ }).waitFor();
});

test("the hardest digits stand with what they are and what they were taken for", { skip }, async () => {
  await open(`/runs/${runOf("report")}`);
  await page.locator(".gallery li").nth(31).waitFor();
  assert.equal(await page.locator(".gallery li").count(), 32);
  for (const caption of await page.locator(".gallery .caption").allTextContents()) assert.match(caption, /^\d,\d$/);
  await page.waitForFunction(() => { const all = [...document.querySelectorAll(".gallery img")]; all.at(-1).scrollIntoView(); return all.every((one) => one.naturalWidth >= 28); });
});

test("charts grow while the model trains", { skip }, async () => {
  const { mount } = store, run = `${mount}/.art/run`;
  const training = store.start("long-train", "train", `exec ${stages}/train --in ${mount}/mnist-preprocess/latest --model ${mount}/convnet/latest/initialized_model.pth --model-metadata ${mount}/convnet/latest/.art/metadata.json --out ${mount}/trained-model/latest --batch_size 128 --epochs 100000 --batch_log_interval 1 --optimizer Adam --run-config-out ${run}/config.json --metrics ${run}/metrics.jsonl`);
  await open("");
  await page.getByRole("link", { name: "long-train", exact: true }).first().click();
  await page.getByRole("figure", { name: /^train\/loss over step: long-train ends at/ }).waitFor();
  const lines = () => page.getByRole("status").filter({ hasText: "live" }).first().textContent().then((text) => Number(text.replace(/\D/g, "")));
  const first = await lines();
  let second = first;
  while (second <= first) { await page.waitForTimeout(100); second = await lines(); }
  let third = second;
  while (third <= second) { await page.waitForTimeout(100); third = await lines(); }
  await page.getByRole("figure", { name: /^validation\/accuracy over step/ }).waitFor();
  // The run is stopped by who started it: that it was, and its charts, stay.
  training.child.kill("SIGTERM");
  await training.over;
  await page.locator(".head").getByText("killed").waitFor();
  await page.getByRole("figure", { name: /^train\/loss over step/ }).waitFor();
});
