// art ui as a command: what it prints, where it listens, and whom it needs.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { after, afterEach, before, test } from "node:test";
import { project, TestStore } from "./store.mjs";

const art = process.env.ARTFS_ART;
const store = new TestStore();
before(() => store.fill());
afterEach(() => store.endServing());
after(() => store.close());

const freePort = () => new Promise((done) => {
  const server = createServer();
  server.listen(0, "127.0.0.1", () => { const { port } = server.address(); server.close(() => done(port)); });
});
// Local addresses on which something listens at a port, as the kernel writes them.
const listening = (port) => ["tcp", "tcp6"].flatMap((kind) => {
  const path = `/proc/net/${kind}`, end = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  if (!existsSync(path)) return [];
  return readFileSync(path, "utf8").split("\n").slice(1).map((line) => line.trim().split(/\s+/)).filter((one) => one[1]?.endsWith(end) && one[3] === "0A").map((one) => one[1].slice(0, -end.length));
});

test("address, port and token are printed, and only this machine is listened to", async () => {
  await store.serve();
  assert.match(store.printed, new RegExp(`project ${project} of ${store.store}\nhttp://127\\.0\\.0\\.1:\\d+/\\?token=[0-9a-f]{32}\n`));
  assert.deepEqual(listening(Number(new URL(store.origin).port)), ["0100007F"]);
  const { token } = store;
  assert.equal(await store.endServing(), 0);
  await store.serve();
  assert.notEqual(store.token, token, "a token is of one server only");
});

test("--port chooses the port, and one that is taken is refused in a line", async () => {
  const port = await freePort();
  await store.serve(["--port", String(port)]);
  assert.equal(new URL(store.origin).port, String(port));
  const second = spawnSync(art, ["ui", "--port", String(port)], { env: store.environment, encoding: "utf8", timeout: 60000 });
  assert.equal(second.status, 4);
  assert.match(second.stderr, new RegExp(`^art: port ${port} is taken: .*--port.*\n$`));
  for (const wrong of ["words", "-1", "70000"]) assert.equal(spawnSync(art, ["ui", "--port", wrong], { env: store.environment }).status, 2, wrong);
});

test("--open hands the address to the desktop's browser", async () => {
  const opener = `${store.inputs}/xdg-open`, told = `${store.inputs}/told`;
  writeFileSync(opener, `#!/bin/sh\nprintf %s "$1" > ${told}.new; mv ${told}.new ${told}\n`);
  chmodSync(opener, 0o755);
  await store.serve(["--open"], { PATH: `${store.inputs}:${process.env.PATH}` });
  while (!existsSync(told)) await new Promise((done) => setTimeout(done, 20));
  assert.equal(readFileSync(told, "utf8"), store.address);
});

test("documents have what interface.md says, as art prints it", async () => {
  await store.serve();
  const same = (of, document, keys, what) => {
    for (const key of keys) {
      assert.notEqual(of[key], undefined, `${what}: ${key}`);
      assert.deepEqual(document[key], of[key], `${what}: ${key}`);
    }
  };
  const runKeys = ["name", "id", "project", "job_type", "state", "exit_code", "signal", "command", "commands", "cwd", "user", "host", "started", "ended", "parent", "tags", "exit_known", "segments", "logs"];
  const versionKeys = ["artifact", "version", "type", "description", "aliases", "tags", "digest", "size", "created", "parent", "merged_with", "diverged", "carried_over", "logged_by"];
  const run = store.json("show", "@train-1"), shown = await store.api("/runs/train-1");
  same(run, shown, [...runKeys, "config", "summary", "confirmed", "drafts"], "run");
  for (const [i, use] of run.uses.entries()) same(use, shown.uses[i], ["artifact", "version", "segment", "files"], "use");
  // The files of a version are asked for directory by directory: there may be a million.
  const version = store.json("show", "digits:v0");
  same(version, await store.api("/artifacts/digits/versions/v0"), [...versionKeys, "metadata", "sealed_metadata", "used_by"], "version");
  const { files } = await store.api("/artifacts/digits/versions/v0/files");
  for (const file of files.filter((one) => one.type === "file")) {
    const of = version.files.find((one) => one.path === file.name);
    assert.deepEqual([file.size, file.sha256], [of.size, of.sha256], file.name);
  }
  const rows = (await store.api("/runs")).runs;
  for (const [i, row] of store.json("runs").entries()) same(row, rows[i], runKeys, "row");
  for (const [i, one] of store.json("log", "net").entries()) same(one, (await store.api("/artifacts/net")).versions[i], versionKeys, "log");
});

test("it needs no daemon to look, and says what a change needs", async () => {
  store.art("umount", store.mount);
  await store.serve();
  assert.equal((await store.api("/runs")).total, 5);
  assert.equal((await store.api("/graph?form=exploded")).nodes.length, 8);
  assert.equal((await store.api("/artifacts/digits/versions/v0/preview?path=readme.txt")).preview.text, "Plain text of the digits.\n");
  const answer = await store.fetch(`/api/projects/${project}/changes`, { method: "POST", body: JSON.stringify({ change: "tag", ref: "net:v0", add: ["x"] }) });
  assert.equal(answer.status, 403);
  assert.match((await answer.json()).error.message, /no daemon serves the store: art mount starts one/);
  const page = await (await store.fetch("/")).text();
  assert.match(page, /<script type="module"/);
});
