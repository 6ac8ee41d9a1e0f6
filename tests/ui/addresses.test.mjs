// What pages say when something is wrong: addresses, the daemon, the server.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launch } from "./browser.mjs";
import { project, TestStore } from "./store.mjs";

const store = new TestStore();
const base = `/p/${project}`;
const problems = [];
let browser, page;

before(async () => {
  store.run("first-1", "load", `mkdir -p ${store.mount}/digits && echo 1 > ${store.mount}/digits/latest/one`);
  await store.serve();
  browser = await launch();
  page = await browser.newPage({ viewport: { width: 1280, height: 720 } });
  page.setDefaultTimeout(Number(process.env.ARTFS_UI_PATIENCE ?? 60000));
  page.on("pageerror", (error) => problems.push(String(error)));
  await page.goto(store.address);
});
after(async () => {
  await browser?.close();
  await store.close();
});

test("an address that is wrong says so, and breaks nothing", async () => {
  for (const [path, words] of [
    ["/p/none", "the store has no project 'none'"], ["/p/none/runs", /no run|No run|no project/i], ["/p/%zz", "the store has no project"], ["/p", "There is no such page"],
    [`${base}/nothing`, "There is no such page"], [`${base}/runs/a/b`, "There is no such page"], [`${base}/graph?form=round`, "form is collapsed"],
    [`${base}/graph?form=exploded&focus=nobody`, "the graph has no node 'nobody'"], [`${base}/runs?page=-3`, "first-1"], [`${base}/runs?page=words`, "first-1"],
    [`${base}/artifacts/digits/v9`, /v9/], [`${base}/artifacts/digits/v0?file=../../etc/passwd`, "Not found"], [`${base}/artifacts/digits/compare?from=v0&to=v9`, "Not found"],
    [`${base}/artifacts/digits/compare`, "name two versions"], [`${base}/compare?runs=nobody`, "no run is called 'nobody'"], [`${base}/runs/%3Cb%3E`, "Not found"],
  ]) {
    await page.goto(store.origin + path);
    await page.getByText(words).first().waitFor();
    assert.match(await page.title(), /artfs$/, path);
  }
  assert.deepEqual(problems, []);
});

test("a long name fits a phone", async () => {
  const long = `a-name-that${"-goes-on".repeat(9)}`;
  store.run(long, "load", `echo 3 > ${store.mount}/digits/latest/three`);
  await page.setViewportSize({ width: 390, height: 844 });
  for (const [path, words] of [["/runs", "first-1"], [`/runs/${long}`, "finished"], [`/graph?form=exploded&focus=load:${long}`, "came from and went into"]]) {
    await page.goto(store.origin + base + path);
    await page.locator("main").getByText(words).first().waitFor();
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 390, path);
  }
  await page.setViewportSize({ width: 1280, height: 720 });
});

test("a page goes on while the daemon ends and comes again", async () => {
  await page.goto(store.origin + base);
  await page.getByText("Mounted on").waitFor();
  store.art("umount", store.mount);
  await page.getByText("Not mounted now").waitFor();
  await page.getByRole("link", { name: "first-1" }).first().waitFor();
  store.art("mount", store.mount, "--project", project);
  await page.getByText("Mounted on").waitFor();
  store.run("second-1", "load", `echo 2 > ${store.mount}/digits/latest/two`);
  await page.getByRole("link", { name: "second-1" }).first().waitFor();
});

test("a server that ends is said, and what was there stays", async () => {
  await page.goto(`${store.origin}${base}/runs`);
  await page.getByRole("link", { name: "first-1" }).first().waitFor();
  const over = new Promise((done) => store.ui.on("exit", done));
  store.ui.kill("SIGTERM");
  await over;
  await page.getByText("art ui does not answer").first().waitFor();
  await page.getByRole("link", { name: "first-1" }).first().waitFor();
  assert.deepEqual(problems, []);
});
