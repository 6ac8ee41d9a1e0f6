// art ui without a browser: who is let in, what is answered, and that openapi.json says so.
import assert from "node:assert/strict";
import { existsSync, readFileSync, renameSync, rmSync } from "node:fs";
import http from "node:http";
import { after, before, test } from "node:test";
import { load } from "./browser.mjs";
import { eventFile, hostileCaption, hostileFile, project, TestStore } from "./store.mjs";

const store = new TestStore();
before(async () => { store.fill(); await store.serve(); });
after(() => store.close());

const raw = (path, headers) => new Promise((done, fail) => {
  const url = new URL(store.origin);
  http.get({ host: url.hostname, port: url.port, path, headers }, (response) => {
    let body = "";
    response.on("data", (chunk) => { body += chunk; });
    response.on("end", () => done({ status: response.statusCode, headers: response.headers, body }));
  }).on("error", fail);
});

test("nothing is said without the token", async () => {
  for (const headers of [{}, { Authorization: "Bearer 0123" }, { Cookie: `art-ui-${new URL(store.origin).port}=${"0".repeat(32)}` }]) {
    const answer = await fetch(`${store.origin}/api/projects`, { headers });
    assert.equal(answer.status, 401);
    assert.match((await answer.json()).error.message, /token/);
  }
  assert.equal((await fetch(`${store.origin}/?token=wrong`, { redirect: "manual" })).status, 403);
});

test("the token becomes a cookie and leaves the address", async () => {
  const answer = await fetch(`${store.origin}/p/${project}/graph?form=exploded&token=${store.token}`, { redirect: "manual" });
  assert.equal(answer.status, 303);
  assert.equal(answer.headers.get("location"), `/p/${project}/graph?form=exploded`);
  const plain = await fetch(store.address, { redirect: "manual" });
  assert.deepEqual([plain.status, plain.headers.get("location")], [303, `/p/${project}`]);
  const cookie = answer.headers.get("set-cookie");
  assert.match(cookie, /HttpOnly; SameSite=Strict/);
  assert.equal((await fetch(`${store.origin}/api/projects`, { headers: { Cookie: cookie.split(";")[0] } })).status, 200);
});

test("another name for this machine is refused, and so is another page's change", async () => {
  assert.equal((await raw("/api/projects", { Host: "evil.example", Authorization: `Bearer ${store.token}` })).status, 403);
  const answer = await store.fetch(`/api/projects/${project}/changes`, { method: "POST", body: "{}", headers: { Origin: "http://evil.example" } });
  assert.equal(answer.status, 403);
});

test("pages may run only their own scripts, and a user's file none", async () => {
  const policy = (await fetch(`${store.origin}/p/${project}`)).headers.get("content-security-policy");
  assert.match(policy, /default-src 'none'/);
  assert.match(policy, /script-src 'self';/);
  assert.doesNotMatch(policy, /unsafe/);
  const html = await (await fetch(store.origin)).text();
  assert.doesNotMatch(html, /https?:\/\//);
  const file = await store.fetch(`/api/projects/${project}/artifacts/digits/versions/v0/file?path=${encodeURIComponent(hostileFile)}`);
  assert.match(file.headers.get("content-security-policy"), /sandbox/);
  assert.match(file.headers.get("content-disposition"), /^attachment/);
  assert.equal(file.headers.get("x-content-type-options"), "nosniff");
});

test("openapi.json describes every answer", async () => {
  const document = await (await store.fetch("/api/openapi.json")).json();
  assert.deepEqual(document, JSON.parse(readFileSync(process.env.ARTFS_OPENAPI, "utf8")));
  const Ajv = load("ajv");
  const ajv = new (Ajv.default ?? Ajv)({ strict: false, allErrors: true });
  ajv.addSchema(document, "api");
  const parts = { project, artifact: "digits", version: "v0", run: "train-1" };
  for (const [path, methods] of Object.entries(document.paths)) {
    const operation = methods.get;
    if (!operation) continue;
    const query = new URLSearchParams();
    for (const one of operation.parameters ?? []) {
      const of = one.$ref ? document.components.parameters[one.$ref.split("/").pop()] : one;
      if (of.in === "query" && of.example !== undefined) query.set(of.name, of.example);
    }
    const filled = path.replace(/\{(\w+)\}/g, (_, name) => parts[name]);
    const answer = await store.fetch(`${filled}?${query}`, path === "/api/events" ? { signal: AbortSignal.timeout(4000) } : {});
    assert.equal(answer.status, 200, `${filled}?${query}: ${answer.status}`);
    const [type, content] = Object.entries(operation.responses["200"].content)[0];
    assert.ok(answer.headers.get("content-type").startsWith(type) || type === "application/octet-stream", `${path} is ${answer.headers.get("content-type")}`);
    if (type !== "application/json") { await answer.body.cancel(); continue; }
    const body = await answer.json();
    const pointer = content.schema.$ref ?? `#/paths/${path.replaceAll("~", "~0").replaceAll("/", "~1")}/get/responses/200/content/application~1json/schema`;
    const check = ajv.getSchema(`api${pointer}`);
    assert.ok(check, `${path} has a schema`);
    assert.ok(check(body), `${path}: ${JSON.stringify(check.errors?.slice(0, 3))}`);
  }
});

test("a run's page has what other files have of metrics, and what the run took", async () => {
  store.run("curves-1", "train", `printf 'epoch,acc\\n0,0.5\\n1,0.75\\n' > ${store.mount}/.art/run/history.csv`);
  store.json("runs");
  const metrics = await store.api("/runs/curves-1/metrics");
  assert.deepEqual(metrics.columns, { acc: [0.5, 0.75], step: [0, 1] });
  assert.deepEqual([metrics.rows, metrics.shown], [2, 2]);
  const { resources } = await store.api("/runs/curves-1");
  assert.ok(resources.bytes_read > 0 && resources.cpu_user_seconds >= 0, JSON.stringify(resources));
});

test("pictures and texts of event files are media, while the run lives and when it has failed", async () => {
  store.input("events", eventFile());
  const go = `${store.inputs}/go`;
  const live = store.start("tensorboard-1", "train", `mkdir -p ${store.mount}/board; cp ${store.inputs}/events ${store.mount}/board/latest/events.out.tfevents.1; sync ${store.mount}/board/latest/events.out.tfevents.1; touch ${go}; while [ -e ${go} ]; do sleep 0.1; done; exit 3`);
  while (!existsSync(go)) await new Promise((done) => setTimeout(done, 50));
  const check = async () => {
    store.json("runs");  // what a run has is written down before this answers
    const media = await store.api("/runs/tensorboard-1/media");
    assert.deepEqual(media.map(({ path, group, image, caption, text }) => ({ path, group, image, caption, text })), [
      { path: "events/board/note/6.txt", group: "board/note", image: false, caption: "step 6", text: hostileCaption },
      { path: "events/board/samples/5.png", group: "board/samples", image: true, caption: "step 5", text: undefined }]);
    const picture = await store.fetch(`/api/projects/${project}/runs/tensorboard-1/file?path=${media[1].path}`);
    assert.equal(picture.headers.get("content-type"), "image/png");
    assert.equal(Buffer.from(await picture.arrayBuffer()).length, media[1].size);
    const { columns, times } = await store.api("/runs/tensorboard-1/metrics");
    assert.deepEqual([columns, times], [{ loss: [0.5], step: [7] }, [1.7e9]]);
  };
  await check();
  rmSync(go);
  await live.over;
  await check();
  assert.equal((await store.fetch(`/api/projects/${project}/runs/tensorboard-1/file?path=events/none`)).status, 404);
});

test("when the lines of metrics came is known, though the program does not say", async () => {
  const line = (step) => `echo '{"step": ${step}, "loss": 1}' >> ${store.mount}/.art/run/metrics.jsonl`;
  store.run("slow-1", "train", `${line(0)}; sleep 0.3; ${line(1)}; sleep 0.3; ${line(2)}`);
  const run = store.json("show", "@slow-1");
  const metrics = await store.api("/runs/slow-1/metrics");
  const { times } = metrics;
  assert.equal(metrics.started, run.started);
  assert.ok(times[1] - times[0] >= 0.2 && times[2] - times[1] >= 0.2, JSON.stringify(times));
  assert.ok(times[0] >= Date.parse(run.started) / 1000 - 0.01 && times[2] <= Date.parse(run.ended) / 1000 + 0.01, JSON.stringify([times, run.started, run.ended]));
  // What is copied as a whole came at once.
  const copied = (await store.api("/runs/train-1/metrics")).times;
  assert.equal(copied.length, 40);
  assert.equal(new Set(copied).size, 1);
});

test("every route is in openapi.json", async () => {
  const document = JSON.parse(readFileSync(process.env.ARTFS_OPENAPI, "utf8"));
  const source = readFileSync(process.env.ARTFS_ROUTES, "utf8");
  const known = [...source.matchAll(/"(\/api\/[^"]*)"/g)].map((found) => found[1]);
  assert.ok(known.length > 15);
  for (const path of known) assert.ok(document.paths[path], `${path} is not documented`);
});

test("the lock names no host to download from", () => {
  const lock = JSON.parse(readFileSync(process.env.ARTFS_LOCK, "utf8"));
  for (const [name, one] of Object.entries(lock.packages)) assert.equal(one.resolved, undefined, name);
});

test("refusals say what is wrong", async () => {
  for (const [path, status] of [["/artifacts/none", 404], ["/artifacts/digits/versions/v9", 404], ["/runs/nobody", 404], ["/graph?form=round", 400],
    ["/graph?form=exploded&focus=nobody", 404], ["/runs?limit=many", 400], ["/artifacts/digits/versions/v0/preview?path=../../etc/passwd", 404], ["/nothing", 404]]) {
    const answer = await store.fetch(`/api/projects/${project}${path}`);
    assert.equal(answer.status, status, path);
    assert.ok((await answer.json()).error.message.length > 10);
  }
  assert.equal((await store.fetch("/api/projects/none")).status, 404);
});

test("tensors are read, and nothing in a pickle is run", async () => {
  const preview = async (file, artifact = "digits") => (await store.api(`/artifacts/${artifact}/versions/v0/preview?path=${file}`)).preview;
  assert.deepEqual((await preview("net.pt")).tensors, [{ name: "fc.weight", shape: [2, 3], dtype: "float32" }, { name: "fc.bias", shape: [2], dtype: "float32" }]);
  assert.deepEqual((await preview("evil.pt")).tensors, [{ name: "w", shape: [4], dtype: "float32" }]);
  assert.ok(!existsSync(`${store.inputs}/evil-ran`) && !existsSync("evil-ran"));
  assert.deepEqual((await preview("arrays.npz")).tensors, [{ name: "images", shape: [5, 4], dtype: "<f8" }]);
  assert.deepEqual((await preview("net.safetensors", "net")).tensors, [{ name: "fc.weight", shape: [2, 3], dtype: "F32" }]);
  assert.equal((await preview("tables/a.csv")).kind, "csv");
  assert.equal((await preview("x.json")).kind, "json");
});

test("runs are sorted by a column, over all pages", async () => {
  const names = async (query) => (await store.api(`/runs?${query}`)).runs.map((one) => one.name);
  assert.deepEqual((await names("sort=summary.accuracy&order=desc")).slice(0, 2), ["train-2", "train-1"]);
  assert.deepEqual(await names("sort=summary.accuracy&offset=1&limit=1"), ["train-2"]);
  const page = await store.api("/runs?sort=config.rate");
  assert.equal(page.sorted, true);
  assert.deepEqual(page.runs.slice(0, 2).map((one) => one.config.rate), [0.01, 0.1]);
});

test("of names that fit, what is called so comes first, then what begins so", async () => {
  store.run("a-net-1", "train", `mkdir -p ${store.mount}/a-net ${store.mount}/net-b && echo 1 > ${store.mount}/a-net/latest/one && echo 1 > ${store.mount}/net-b/latest/one`);
  store.json("runs");
  const found = await store.api("/search?q=net");
  assert.deepEqual(found.map((one) => one.name), ["net", "net-b", "a-net", "a-net-1"]);
  assert.deepEqual((await store.api("/search?q=report")).map((one) => one.name), ["report-1", "broken-1"]);
  assert.deepEqual((await store.api("/search?q=model")).map((one) => one.name), ["net"]);
  assert.deepEqual(await store.api("/search?q=nothing-like-it"), []);
});

test("the graph is that of art graph", async () => {
  const ids = (graph) => [graph.nodes.map((one) => one.id).sort(), graph.edges.map((one) => `${one.kind} ${one.from} ${one.to}`).sort()];
  assert.deepEqual(ids(await store.api("/graph?form=exploded")), ids(store.json("graph", "--explode")));
  assert.deepEqual(ids(await store.api("/graph")), ids(store.json("graph")));
  const around = await store.api("/graph?form=exploded&focus=net:v0");
  assert.deepEqual(around.nodes.map((one) => one.id).sort(), ["dataset:digits:v0", "load-data:load-1", "model:net:v0", "train:train-1"]);
  const edge = await store.api("/edge?artifact=digits&version=v0&run=train-1");
  assert.deepEqual(edge.files, ["readme.txt"]);
});

test("of very many used files some are listed, and all are counted", async () => {
  const directory = `${store.mount}/many/latest`;
  store.run("make-1", "make", `mkdir -p ${store.mount}/many && cd ${directory} && for i in $(seq 300); do echo $i > file-$i; done`);
  store.run("scan-1", "scan", `cat ${directory}/* > /dev/null`);
  store.json("show", "@scan-1");  // pages see an end when the daemon has written it down: this asks for it
  const [use] = (await store.api("/runs/scan-1")).uses;
  assert.deepEqual([use.artifact, use.count, use.files.length], ["many", 300, 200]);
  const edge = await store.api("/edge?artifact=many&version=v0&run=scan-1");
  assert.deepEqual([edge.count, edge.of, edge.files.length], [300, 300, 300]);
  const steps = await store.api("/lineage?of=@scan-1");
  assert.equal(steps.find((one) => one.node === "dataset:many:v0").files.length, 20);
});

test("a store that goes away is said, and found again", async () => {
  await (await store.fetch("/api/projects")).json();
  renameSync(`${store.store}/catalog`, `${store.store}/elsewhere`);
  const answer = await store.fetch("/api/projects");
  assert.equal(answer.status, 503);
  assert.match((await answer.json()).error.message, /went away/);
  renameSync(`${store.store}/elsewhere`, `${store.store}/catalog`);
  assert.equal((await store.fetch("/api/projects")).status, 200);
});
