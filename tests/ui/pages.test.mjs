// The pages in Chromium: what each shows, that it is live, that nothing hostile runs, and that axe
// finds nothing serious.
import assert from "node:assert/strict";
import { renameSync, writeFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { launch, load } from "./browser.mjs";
import { hostileFile, hostileWord, project, TestStore } from "./store.mjs";

const store = new TestStore();
const base = `/p/${project}`;
let browser, context, page;
const problems = [];

before(async () => {
  store.fill();
  await store.serve();
  browser = await launch();
  context = await browser.newContext({ viewport: { width: 1280, height: 720 } });
  context.setDefaultTimeout(Number(process.env.ARTFS_UI_PATIENCE ?? 60000));
  page = await context.newPage();
  page.on("pageerror", (error) => problems.push(String(error)));
  page.on("console", (message) => { if (message.type() === "error" && !/status of (4|5)\d\d/.test(message.text())) problems.push(message.text()); });
  page.on("request", (request) => { if (!/^(data|blob):/.test(request.url()) && new URL(request.url()).origin !== store.origin) problems.push(`left the machine: ${request.url()}`); });
  await page.goto(store.address);
});
after(async () => {
  await browser?.close();
  await store.close();
});

const open = async (path) => { await page.goto(store.origin + path); };
const text = (of) => page.getByText(of, { exact: true }).first();

const axeSource = load("fs").readFileSync(load.resolve("axe-core/axe.min.js"), "utf8");
async function axe(what, at = page) {
  await at.evaluate(axeSource);
  const found = await at.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
  const serious = found.violations.filter((one) => ["serious", "critical"].includes(one.impact));
  assert.deepEqual(serious.map((one) => `${one.id}: ${one.nodes.slice(0, 3).map((node) => node.html).join(" ")}`), [], what);
}

test("the address leads to the project, and its title says so", async () => {
  await page.waitForURL(store.origin + base);
  assert.equal(await page.title(), `${project} · artfs`);
  await text("report-1").waitFor();
  await text("net:v1").waitFor();
  assert.doesNotMatch(page.url(), /token/);
  await axe("overview");
});

test("the graph collapses, explodes, and shows the files of a use", async () => {
  await open(`${base}/graph`);
  await page.locator("[data-node='train']").waitFor();
  assert.equal(await page.locator("[data-node]").count(), 5);
  assert.equal(await page.locator("[data-node='report'].bad").count(), 1);
  await axe("graph, collapsed");
  await page.getByRole("button", { name: "Explode" }).click();
  await page.locator("[data-node='model:net:v1']").waitFor();
  assert.match(page.url(), /form=exploded/);
  assert.equal(await page.locator("[data-node='report:broken-1'].bad").count(), 1);
  await page.locator("[data-node='train:train-1']").click();
  const side = page.getByRole("complementary");
  await side.getByRole("button", { name: "Focus" }).click();
  await page.locator("[data-node='report:report-1']").waitFor({ state: "detached" });
  assert.equal(await page.locator("[data-node]").count(), 4);
  const edge = page.locator(".link-use .touch").first();
  await edge.dispatchEvent("click");
  await page.getByTestId("edge-files").getByText("readme.txt").waitFor();
  await axe("graph, focused");
});

test("the graph is walked by keys", async () => {
  await open(`${base}/graph?form=exploded`);
  await page.locator("[data-node='load-data:load-1']").focus();
  await page.keyboard.press("ArrowRight");
  await page.locator("[data-node='dataset:digits:v0'].chosen:focus").waitFor();
  await page.keyboard.press("Enter");
  await page.waitForURL(`${store.origin}${base}/artifacts/digits/v0`);
  // From the graph itself, without a mouse, to the files of a use.
  await open(`${base}/graph?form=exploded`);
  await page.locator("[data-node='train:train-1']").waitFor();
  assert.equal(await page.locator("[data-node][tabindex='0']").count(), 1);
  await page.locator(".canvas").focus();
  await page.keyboard.press("Enter");
  await page.locator("[data-node].chosen:focus").waitFor();
  await page.locator("[data-node='train:train-1']").focus();
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "Files of dataset:digits:v0 that train:train-1 used" }).press("Enter");
  await page.getByTestId("edge-files").getByText("readme.txt").waitFor();
});

test("a node that is found is gone to by Enter", async () => {
  await open(`${base}/graph?form=exploded`);
  await page.locator("[data-node='train:train-1']").waitFor();
  await page.getByRole("button", { name: "Zoom in" }).click();
  const seen = await page.locator("g.world").getAttribute("transform");
  await page.getByLabel("Find a node").fill("no such");
  await page.getByText("No node has “no such” in its name.").waitFor();
  assert.equal(await page.locator("g.world").getAttribute("transform"), seen, "the view stays");
  await page.getByLabel("Find a node").fill("net:v1");
  await page.keyboard.press("Enter");
  await page.locator("[data-node='model:net:v1'].chosen").waitFor();
});

test("the shown graph is saved as a picture", async () => {
  await open(`${base}/graph?form=exploded`);
  await page.locator("[data-node='model:net:v1']").waitFor();
  for (const [button, start] of [["SVG", "<svg"], ["PNG", "\u0089PNG"]]) {
    const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: button, exact: true }).click()]);
    const bytes = load("fs").readFileSync(await download.path());
    assert.ok(bytes.toString("latin1").startsWith(start), button);
    assert.ok(bytes.length > 1000);
    if (button === "SVG") assert.match(bytes.toString(), /report-1/);
  }
  // All of it, also of what is out of sight.
  for (let i = 0; i < 6; ++i) await page.getByRole("button", { name: "Zoom in" }).click();
  await page.locator(".canvas").focus();
  for (let i = 0; i < 50; ++i) await page.keyboard.press("ArrowRight");
  await page.locator("[data-node='load-data:load-1']").waitFor({ state: "detached" });
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "SVG", exact: true }).click()]);
  const svg = load("fs").readFileSync(await download.path(), "utf8");
  for (const name of ["load-1", "digits:v0", "train-2", "net:v1", "broken-1"]) assert.match(svg, new RegExp(`>${name}<`));
});

test("a run's page has its charts, output, config and files", async () => {
  await open(`${base}/runs/train-1`);
  await page.getByRole("figure", { name: /^train\/loss over step/ }).waitFor();
  await page.locator(".uplot canvas").first().waitFor();
  await page.getByLabel(/Along the bottom/).selectOption("epoch");
  await page.getByRole("figure", { name: /^train\/loss over epoch/ }).waitFor();
  await page.getByLabel(/Smoothing/).fill("0.9");
  await page.getByLabel("Log scale").check();
  await page.getByText("trained 1").first().waitFor();
  await page.getByRole("region", { name: "Uses and logs" }).getByText("readme.txt").waitFor();
  await page.getByRole("region", { name: "Config" }).getByText("0.1").waitFor();
  // What is seen can be shared.
  await page.waitForURL(/x=epoch&smooth=0.90&log=1/);
  await page.reload();
  await page.getByRole("figure", { name: /^train\/loss over epoch/ }).waitFor();
  assert.ok(await page.getByLabel("Log scale").isChecked());
  await axe("run");
});

test("images stand with their captions, and a hostile caption is only text", async () => {
  await open(`${base}/runs/report-1`);
  await page.getByText("7,2", { exact: true }).waitFor();
  assert.equal(await page.locator(".gallery li").count(), 2);
  await page.getByText("window.hacked=3").first().waitFor();
  await page.getByRole("button", { name: /Enlarge .*00.png/ }).click();
  await page.keyboard.press("Escape");
  await page.locator("dialog").waitFor({ state: "detached" });
});

test("a version's page has metadata, files and previews", async () => {
  await open(`${base}/artifacts/digits/v0`);
  await page.getByText("<b>made up</b>").waitFor();
  await page.getByText("readme.txt").first().click();
  await page.getByText("Plain text of the digits.").waitFor();
  await page.getByText("tables/", { exact: true }).click();
  await page.getByText("a.csv").click();
  await page.getByRole("cell", { name: "beta, too" }).waitFor();
  await page.getByText("net.pt").first().click();
  await page.getByRole("cell", { name: "fc.weight" }).waitFor();
  await page.getByText("2 × 3").waitFor();
  await page.getByText(hostileFile).first().click();
  await page.getByText("<script>window.hacked=4</script>").waitFor();
  await page.getByText(`${store.mount}/digits/v0`).waitFor();
  await axe("version");
  await open(`${base}/artifacts/digits/v0?file=dot.png`);
  await page.waitForFunction(() => document.querySelector(".picture img")?.naturalWidth === 8);
});

test("two versions stand side by side", async () => {
  await open(`${base}/artifacts`);
  await text("digits").waitFor();
  await axe("artifacts");
  await open(`${base}/artifacts/net`);
  await page.getByLabel("Compare v0").check();
  await axe("artifact");
  await page.getByLabel("Compare v1").check();
  await page.getByRole("button", { name: "Compare v0 and v1" }).click();
  await page.getByRole("row", { name: /changed seed/ }).waitFor();
  await page.getByRole("button", { name: "seed" }).click();
  await page.locator(".beside .file").nth(1).getByText("art cat net:v1/seed").waitFor();
  assert.deepEqual((await page.locator(".beside pre").allTextContents()).map((one) => one.trim()), ["1", "2"]);
  await axe("two versions");
});

test("runs are filtered, grouped and compared", async () => {
  await open(`${base}/runs`);
  await page.getByRole("button", { name: "Columns" }).click();
  await page.getByLabel("summary.accuracy").check();
  await page.getByRole("button", { name: "accuracy" }).click();
  await page.getByRole("cell", { name: "91", exact: true }).waitFor();
  await page.getByLabel("Group by job type").check();
  await page.getByRole("rowheader", { name: /train 2 runs/ }).waitFor();
  await axe("runs");
  await page.getByLabel("Job type", { exact: true }).selectOption("train");
  await page.getByLabel("Choose train-1").check();
  await page.getByLabel("Choose train-2").check();
  await page.getByRole("button", { name: "Compare 2 runs" }).click();
  await page.getByRole("figure", { name: /train-1 ends at .*train-2 ends at|train-2 ends at .*train-1 ends at/ }).waitFor();
  await page.getByRole("row", { name: /rate/ }).first().waitFor();
  await page.getByRole("img", { name: /Parallel coordinates over .*optimizer.*rate.*accuracy/ }).waitFor();
  await page.locator(".parallel .word", { hasText: "Adam" }).waitFor();
  await axe("compare");
});

test("charts grow while a run writes", async () => {
  const gate = `${store.inputs}/go`;
  const run = store.start("live-1", "train", `for i in 1 2 3; do echo "{\\"step\\": $i, \\"loss\\": $i}" >> ${store.mount}/.art/run/metrics.jsonl; done
    while [ ! -e ${gate} ]; do sleep 0.1; done
    for i in 4 5 6 7; do echo "{\\"step\\": $i, \\"loss\\": $i}" >> ${store.mount}/.art/run/metrics.jsonl; done
    while [ ! -e ${gate}-end ]; do sleep 0.1; done`);
  await open(base);
  await page.getByRole("link", { name: "live-1", exact: true }).click();
  await page.getByRole("figure", { name: /loss over step: live-1 ends at 3$/ }).waitFor();
  await page.getByText("running").first().waitFor();
  writeFileSync(gate, "");
  await page.getByRole("figure", { name: /loss over step: live-1 ends at 7$/ }).waitFor();
  // The program wrote no time; when its lines came is known all the same.
  await page.getByLabel(/Along the bottom/).selectOption("time since the start");
  await page.getByRole("figure", { name: /loss over time since the start: live-1 ends at 7$/ }).waitFor();
  await page.getByText("Time is when each line was written.").waitFor();
  await page.getByLabel(/Along the bottom/).selectOption("time of day");
  await page.getByRole("figure", { name: /loss over time of day/ }).waitFor();
  writeFileSync(`${gate}-end`, "");
  await run.over;
  await page.getByText("finished").first().waitFor();
});

test("search finds names, and keys are enough", async () => {
  await open(base);
  await text("report-1").waitFor();
  await page.keyboard.press("/");
  await page.keyboard.type("train-2");
  await page.getByRole("option", { name: /train-2/ }).waitFor();
  await page.keyboard.press("Enter");
  await page.waitForURL(`${store.origin}${base}/runs/train-2`);
  await page.keyboard.press("/");
  await page.keyboard.type("no such name");
  await page.getByText("No artifact or run has “no such name” in its name or type.").waitFor();
});

test("wrong addresses and tokens say what to do", async () => {
  await open("/nowhere");
  await page.getByText("There is no such page").waitFor();
  await open(`${base}/runs/nobody`);
  await page.getByText("no run is called 'nobody'").waitFor();
  const stranger = await browser.newContext();
  const other = await stranger.newPage();
  await other.goto(store.origin + base);
  await other.getByText("The token is missing or wrong").first().waitFor();
  await other.goto(`${store.origin}/?token=wrong`);
  await other.getByText("open the address that").waitFor();
  await stranger.close();
});

test("an empty project says what to do", async () => {
  const fresh = await new TestStore().serve();
  const other = await browser.newContext({ viewport: { width: 1280, height: 720 } });
  try {
    const first = await other.newPage();
    await first.goto(fresh.address);
    await first.getByText("Nothing here yet").waitFor();
    await first.getByText(`cp data.csv ${fresh.mount}/my-data/latest/`).waitFor();
    for (const [path, words] of [["graph", "Nothing to draw yet"], ["runs", "No run yet"], ["artifacts", "No artifact yet"]]) {
      await first.goto(`${fresh.origin}${base}/${path}`);
      await first.getByText(words).waitFor();
    }
    await first.goto(fresh.origin + base);
    fresh.run("first-1", "load", `mkdir -p ${fresh.mount}/mine && echo 1 > ${fresh.mount}/mine/latest/one`);
    await first.getByText("mine:v0").waitFor();
  } finally {
    await other.close();
    await fresh.close();
  }
});

test("what changes is seen again after the stream of events broke off", async () => {
  let refused = 0;
  await page.route("**/api/events", (route) => (refused++ < 2 ? route.fulfill({ status: 503, body: "" }) : route.continue()));
  await open(`${base}/artifacts`);
  await text("digits").waitFor();
  while (refused <= 2) await page.waitForTimeout(100);
  store.run("later-1", "load", `mkdir -p ${store.mount}/later && echo 1 > ${store.mount}/later/latest/one`);
  await text("later").waitFor();
  await page.unroute("**/api/events");
});

test("back, forward and a shared address lead to the same", async () => {
  await open(`${base}/runs`);
  await page.getByRole("link", { name: "train-1", exact: true }).click();
  await page.getByRole("heading", { level: 1, name: "train-1" }).waitFor();
  assert.equal(await page.evaluate(() => document.activeElement.id), "main");
  await page.getByRole("region", { name: "Uses and logs" }).getByRole("link", { name: "net:v0" }).click();
  await page.getByRole("heading", { level: 1, name: "net:v0" }).waitFor();
  await page.goBack();
  await page.getByRole("heading", { level: 1, name: "train-1" }).waitFor();
  assert.equal(await page.title(), `train-1 · ${project} · artfs`);
  await page.goForward();
  await page.getByRole("heading", { level: 1, name: "net:v0" }).waitFor();
  assert.equal(await page.title(), `net:v0 · ${project} · artfs`);
});

test("whatever words a run has are text", async () => {
  store.run("words-1", hostileWord, `cat ${store.mount}/digits/latest/readme.txt; echo '{"step": 1, "${hostileWord}": 2}' > ${store.mount}/.art/run/metrics.jsonl`, ["--tag", hostileWord, "--config", `${hostileWord}=${hostileWord}`]);
  for (const path of ["", "/runs", "/runs/words-1", "/graph", "/graph?form=exploded", "/compare?runs=words-1,train-1"]) {
    await open(base + path);
    await page.getByText(hostileWord).first().waitFor({ state: "attached" });
  }
  assert.equal(await page.evaluate(() => globalThis.hacked), undefined);
});

// Every page: its title, one heading, and nothing serious that axe finds, in both colours and on a phone.
const everyPage = [
  ["", project], ["/graph", "Graph"], ["/graph?form=names", "Graph"], ["/graph?form=exploded", "Graph"], ["/graph?form=exploded&focus=net:v1", "Graph"],
  ["/graph?form=segments", "Graph"], ["/artifacts", "Artifacts"], ["/artifacts/digits", "digits"], ["/artifacts/digits/v0?file=net.pt", "digits:v0"],
  ["/artifacts/digits/v0?file=tables/a.csv", "digits:v0"], ["/artifacts/net/compare?from=v0&to=v1&file=seed", "net: v0 and v1"], ["/runs", "Runs"],
  ["/runs?group=job_type&columns=summary.accuracy,config.rate", "Runs"], ["/runs/train-1", "train-1"], ["/runs/report-1", "report-1"], ["/runs/broken-1", "broken-1"],
  ["/compare?runs=train-1,train-2", "Compare 2 runs"], ["/compare", "Compare 0 runs"], ["/runs/nobody", "nobody"], ["/artifacts/none", "none"], ["/nowhere", "Not found"],
];
for (const [colorScheme, width] of [["light", 1280], ["dark", 1280], ["light", 390]])
  test(`every page has its title and can be read: ${colorScheme}, ${width} wide`, async () => {
    const own = await browser.newContext({ viewport: { width, height: 800 }, colorScheme, reducedMotion: "reduce", storageState: await context.storageState() });
    const at = await own.newPage();
    for (const [path, title] of everyPage) {
      await at.goto(store.origin + base + path);
      await at.locator("h1").first().waitFor();
      await at.waitForFunction(() => document.querySelector(".waiting") === null);
      assert.match(await at.title(), new RegExp(`^${title} · .*artfs$`), path);
      assert.equal(await at.locator("h1").count(), 1, `${path} has one heading`);
      assert.ok(await at.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${path} fits`);
      await axe(path, at);
    }
    await own.close();
  });

test("a version is described and tagged, and an alias moved or dropped only when asked twice", async () => {
  await open(`${base}/artifacts/net/v1`);
  await page.getByRole("button", { name: "Edit" }).click();
  await page.getByLabel("Description").fill("The <b>better</b> one");
  await page.getByLabel("Tags").fill("checked");
  await page.getByLabel("Aliases").fill("best");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("The <b>better</b> one").first().waitFor();
  await page.getByRole("button", { name: "Edit" }).waitFor();
  const version = store.json("show", "net:best");
  assert.deepEqual([version.version, version.tags, version.description], ["v1", ["checked"], "The <b>better</b> one"]);
  await page.locator(".chip-alias", { hasText: "best" }).waitFor();
  await open(`${base}/artifacts/net/v0`);
  await page.getByRole("button", { name: "Edit" }).click();
  await page.getByLabel("Aliases").fill("best");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("This moves best from v1").waitFor();
  assert.equal(store.json("show", "net:best").version, "v1");
  await page.getByRole("button", { name: "Move and save" }).click();
  await page.locator(".chip-alias", { hasText: "best" }).waitFor();
  await page.getByRole("button", { name: "Edit" }).click();
  await page.getByLabel("Aliases").fill("");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("This drops best").waitFor();
  assert.equal(store.json("show", "net:best").version, "v0");
  await page.getByRole("button", { name: "Drop and save" }).click();
  await page.getByText("best", { exact: true }).waitFor({ state: "detached" });
  assert.deepEqual(store.json("show", "net:v0").aliases, []);
  await open(`${base}/artifacts/net`);
  await page.getByText("best set to v0, was v1").waitFor();
});

test("a store that goes away is said", async () => {
  await open(`${base}/artifacts`);
  await text("digits").waitFor();
  renameSync(`${store.store}/catalog`, `${store.store}/elsewhere`);
  await page.getByText("The store went away").first().waitFor();
  renameSync(`${store.store}/elsewhere`, `${store.store}/catalog`);
  await page.getByText("The store went away").first().waitFor({ state: "detached" });
});

test("nothing hostile ran, and nothing went wrong unseen", async () => {
  assert.equal(await page.evaluate(() => globalThis.hacked), undefined);
  assert.deepEqual(problems, []);
});
