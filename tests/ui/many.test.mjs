// A store of many runs: pages come, the graph clusters and says so, and one node can be looked at.
// How long each takes is printed; CI's machines are too busy to judge it.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { after, before, test } from "node:test";
import { launch } from "./browser.mjs";

const runs = Number(process.env.ARTFS_MANY_RUNS ?? 20000);
const directory = mkdtempSync("/tmp/artfs-test-many-");
let ui, browser, page, origin;

before(async () => {
  execFileSync(process.env.ARTFS_MANY, [`${directory}/store`, String(runs)]);
  ui = spawn(process.env.ARTFS_ART, ["ui", "--store", `${directory}/store`, "--project", "many"], { stdio: ["ignore", "pipe", "inherit"] });
  const address = await new Promise((done, fail) => {
    ui.stdout.on("data", (chunk) => { const found = String(chunk).match(/http:\S+/); if (found) done(found[0]); });
    ui.on("exit", (code, signal) => fail(new Error(`art ui ended with ${code ?? signal}`)));
  });
  origin = new URL(address).origin;
  browser = await launch();
  page = await browser.newPage({ viewport: { width: 1280, height: 720 } });
  page.setDefaultTimeout(120000);
  await page.goto(address);
});
after(async () => {
  await browser?.close();
  if (ui && ui.exitCode === null && ui.signalCode === null) {
    const over = new Promise((done) => ui.on("exit", done));
    ui.kill("SIGTERM");
    await over;
  }
  rmSync(directory, { recursive: true, force: true });
});

const timed = async (t, what, work) => {
  const begun = performance.now();
  await work();
  t.diagnostic(`${what}: ${Math.round(performance.now() - begun)} ms with ${runs} runs`);
};

test("the first page is there, and its counts follow", async (t) => {
  await timed(t, "first page", () => page.getByText(`run-${runs - 1}`).first().waitFor());
  await timed(t, "counts", () => page.getByText(runs.toLocaleString("en"), { exact: true }).first().waitFor());
  await page.getByText(/^(Every latest version was made|Made from inputs that have newer)/).waitFor();
  assert.equal(await page.getByRole("status").filter({ hasText: /…$/ }).count(), 0);
});

test("the graph is drawn, clustered where it is too large", async (t) => {
  await timed(t, "graph, collapsed", async () => {
    await page.goto(`${origin}/p/many/graph`);
    await page.locator("[data-node='train'].bad, [data-node='evaluate'].bad").first().waitFor();
  });
  await timed(t, "graph, exploded", async () => {
    await page.goto(`${origin}/p/many/graph?form=exploded`);
    await page.getByText(/are drawn by artifact and job type/).waitFor();
    await page.locator("[data-node='train']").waitFor({ state: "attached" });
  });
  await timed(t, "one run and what it came from", async () => {
    await page.goto(`${origin}/p/many/graph?form=exploded&focus=run-${runs - 1}&direction=up&depth=3`);
    await page.locator("svg .node, svg .far-run").first().waitFor();
  });
});

// How long each frame took while the mouse drew the view about.
async function frames(t, what) {
  await page.evaluate(() => {
    globalThis.frames = [];
    let last = performance.now();
    const tick = (now) => { globalThis.frames?.push(now - last); last = now; if (globalThis.frames) requestAnimationFrame(tick); };
    requestAnimationFrame(tick);
  });
  await page.mouse.move(640, 400);
  await page.mouse.down();
  for (let i = 0; i < 40; ++i) await page.mouse.move(640 + 3 * i * (i % 2 ? 1 : -1), 400 + 2 * i);
  await page.mouse.up();
  // A machine that is busy enough has drawn nothing yet.
  await page.waitForFunction(() => globalThis.frames.length > 0);
  const took = (await page.evaluate(() => { const all = globalThis.frames; globalThis.frames = null; return all; })).sort((a, b) => a - b);
  t.diagnostic(`${what}: ${took.length} frames, median ${took[took.length >> 1].toFixed(1)} ms, 95 of 100 within ${took[Math.floor(took.length * 0.95)].toFixed(1)} ms`);
}

test("five thousand nodes are laid out, and move", async (t) => {
  let nodes = 0;
  await timed(t, "5,000 nodes", async () => {
    await page.route("**/api/projects/many/graph?*", async (route) => {
      const some = { nodes: [], edges: [] };
      for (let i = 0; i < 2500; ++i) {
        some.nodes.push({ id: `train:r${i}`, kind: "run", job_type: "train", run: `r${i}`, state: "finished", states: { finished: 1 }, count: 1 });
        some.nodes.push({ id: `model:m:v${i}`, kind: "artifact", type: "model", artifact: "m", version: `v${i}`, count: 1 });
        some.edges.push({ from: `train:r${i}`, to: `model:m:v${i}`, kind: "log", count: 1 });
        if (i >= 40) some.edges.push({ from: `model:m:v${i - 40}`, to: `train:r${i}`, kind: "use", count: 1 });
      }
      nodes = some.nodes.length;
      await route.fulfill({ json: { ...some, form: "exploded", clustered: false, instances: nodes, most_nodes: 5000, types: ["model"], job_types: ["train"] } });
    });
    await page.goto(`${origin}/p/many/graph?form=exploded&q=all`);
    await page.locator("svg .far-run").waitFor();
  });
  await frames(t, "moving all of them");
  const canvas = page.locator(".canvas");
  await canvas.focus();
  await timed(t, "thirty steps of moving and zooming", async () => {
    for (let i = 0; i < 30; ++i) await page.keyboard.press(["Shift+ArrowLeft", "+", "Shift+ArrowRight"][i % 3]);
    await page.locator("svg [data-node]").first().waitFor({ state: "attached" });
  });
  // Only what is in sight is drawn, of edges too: a path of all of them is drawn very slowly near by.
  await page.getByLabel("Find a node").fill("train:r1200");
  await page.keyboard.press("Enter");
  await page.locator("[data-node='train:r1200'].chosen").waitFor();
  await frames(t, "moving near by");
  assert.ok((await page.locator("svg [data-node]").count()) < nodes / 5);
  const length = await page.evaluate(() => Math.max(...[...document.querySelectorAll(".far-use, .far-log")].map((path) => path.getBBox().width * path.getCTM().a)));
  assert.ok(length < 20000, `${length} pixels of edges are drawn`);
});

test("runs are paged", async (t) => {
  await timed(t, "runs", async () => {
    await page.goto(`${origin}/p/many/runs?sort=name`);
    await page.getByText(`1 to 100 of ${runs.toLocaleString("en")}`).waitFor();
  });
  await page.getByRole("button", { name: "Older" }).click();
  await page.getByText(/^101 to 200/).waitFor();
});
