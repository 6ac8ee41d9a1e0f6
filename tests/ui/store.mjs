// A real store on a real mount, with a small pipeline in it, and `art ui` over it.
import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { deflateSync } from "node:zlib";

const art = process.env.ARTFS_ART;
export const project = "ui-test";
export const hostileFile = "<img src=x onerror=window.hacked=1>.txt";
export const hostileWord = "<img src=x onerror=window.hacked=5>";
export const hostileCaption = '"><img src=x onerror=window.hacked=2><script>window.hacked=3</script>';

// A grey picture, 8 x 8.
function png(grey) {
  const crc = (bytes) => {
    let c = ~0;
    for (const byte of bytes) { c ^= byte; for (let i = 0; i < 8; ++i) c = (c >>> 1) ^ (c & 1 ? 0xedb88320 : 0); }
    return ~c >>> 0;
  };
  const chunk = (type, data) => {
    const body = Buffer.concat([Buffer.from(type), data]), length = Buffer.alloc(4), sum = Buffer.alloc(4);
    length.writeUInt32BE(data.length);
    sum.writeUInt32BE(crc(body));
    return Buffer.concat([length, body, sum]);
  };
  const head = Buffer.from([0, 0, 0, 8, 0, 0, 0, 8, 8, 0, 0, 0, 0]);
  const rows = Buffer.concat(Array.from({ length: 8 }, () => Buffer.from([0, ...Array(8).fill(grey)])));
  return Buffer.concat([Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]), chunk("IHDR", head), chunk("IDAT", deflateSync(rows)), chunk("IEND", Buffer.alloc(0))]);
}

// A TensorBoard event file with one picture, one text and one number.
export function eventFile() {
  const masked = (bytes) => {
    let c = ~0;
    for (const byte of bytes) { c ^= byte; for (let i = 0; i < 8; ++i) c = (c >>> 1) ^ (c & 1 ? 0x82f63b78 : 0); }
    c = ~c >>> 0;
    const out = Buffer.alloc(4);
    out.writeUInt32LE((((c >>> 15) | (c << 17)) + 0xa282ead8) >>> 0);
    return out;
  };
  const field = (number, data) => Buffer.concat([Buffer.from([(number << 3) | 2, data.length]), data]), text = (of) => Buffer.from(of);
  const record = (step, value) => {
    const clock = Buffer.alloc(8);
    clock.writeDoubleLE(1.7e9);
    const data = Buffer.concat([Buffer.from([9]), clock, Buffer.from([16, step]), field(5, field(1, value))]), length = Buffer.alloc(8);
    length.writeUInt32LE(data.length);
    return Buffer.concat([length, masked(length), data, masked(data)]);
  };
  const picture = Buffer.concat([field(1, text("samples")), field(4, field(4, png(90)))]);
  const words = Buffer.concat([field(1, text("note")), field(8, Buffer.concat([Buffer.from([8, 7]), field(8, text(hostileCaption))])), field(9, field(1, field(1, text("text"))))]);
  const number = Buffer.concat([field(1, text("loss")), Buffer.from([0x15, 0, 0, 0, 0x3f])]);
  return Buffer.concat([record(5, picture), record(6, words), record(7, number)]);
}

function safetensors() {
  const header = Buffer.from(JSON.stringify({ "fc.weight": { dtype: "F32", shape: [2, 3], data_offsets: [0, 24] } }));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  return Buffer.concat([length, header, Buffer.alloc(24)]);
}

export class TestStore {
  constructor() {
    this.directory = mkdtempSync("/tmp/artfs-test-ui-");
    this.store = `${this.directory}/store`;
    this.mount = `${this.directory}/mnt`;
    this.inputs = `${this.directory}/inputs`;
    mkdirSync(this.inputs);
    const environment = { ...process.env, ART_STORE: this.store, ART_MOUNT: this.mount, ART_PROJECT: project };
    delete environment.ART_RUN;
    this.environment = environment;
    this.art("mount", this.mount, "--project", project);
  }

  art(...words) {
    return execFileSync(art, words, { env: this.environment, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  }
  json(...words) { return JSON.parse(this.art(...words, "--json")); }
  input(name, bytes) { writeFileSync(`${this.inputs}/${name}`, bytes); }
  // A run of a shell script; its exit status may be anything.
  run(name, type, script, options = []) {
    try {
      this.art("run", "--name", name, "--job-type", type, ...options, "--", "sh", "-c", script);
    } catch (error) {
      if (error.status === undefined || error.status === null) throw error;
      return error.status;
    }
    return 0;
  }
  // A run that goes on; `end` lets it.
  start(name, type, script) {
    const child = spawn(art, ["run", "--name", name, "--job-type", type, "--", "sh", "-c", script], { env: this.environment, stdio: "ignore" });
    return { child, over: new Promise((done) => child.on("exit", done)) };
  }

  // load -> digits:v0 -> train (two runs) -> net:v0, net:v1 -> report; and a run that fails.
  fill() {
    const { mount, inputs } = this, run = `${mount}/.art/run`;
    this.input("a.csv", 'name,value\nalpha,1\n"beta, too",2\n');
    this.input("x.json", '{"deep": {"list": [1, 2]}}');
    this.input("readme.txt", "Plain text of the digits.\n");
    this.input("net.safetensors", safetensors());
    this.input("dot.png", png(200));
    this.input("dark.png", png(30));
    this.input("hostile.txt", "<script>window.hacked=4</script>\n");
    execFileSync("python3", ["-c", pickles], { cwd: inputs });
    this.run("load-1", "load-data", `set -e; cd ${inputs}; d=${mount}/digits; mkdir -p $d; mkdir -p $d/latest/tables
      cp a.csv $d/latest/tables/; cp x.json readme.txt dot.png net.pt evil.pt arrays.npz $d/latest/; cp hostile.txt "$d/latest/${hostileFile}"
      printf '{"source":"${"<b>made up</b>"}","sizes":[3,2]}' > $d/latest/.art/metadata.json; printf 'Some digits' > $d/latest/.art/description`);
    for (const [number, rate] of [[1, 0.1], [2, 0.01]]) {
      const lines = Array.from({ length: 40 }, (_, i) => JSON.stringify({ step: i * 10, epoch: i / 10, "train/loss": 2 / (1 + i * rate * 10) })).join("\n") + "\n";
      this.input(`metrics-${number}.jsonl`, lines);
      this.run(`train-${number}`, "train", `set -e; cat ${mount}/digits/latest/readme.txt > /dev/null; mkdir -p ${mount}/net; cd ${inputs}
        cp net.safetensors ${mount}/net/latest/; echo ${number} > ${mount}/net/latest/seed; cp metrics-${number}.jsonl ${run}/metrics.jsonl
        printf '{"loss": ${rate}, "accuracy": ${90 + number}}' > ${run}/summary.json; ${number === 1 ? `printf model > ${mount}/net/latest/.art/type` : ":"}; echo trained ${number}`, ["--config", `rate=${rate}`, "--config", `optimizer=${number === 1 ? "SGD" : "Adam"}`, "--tag", "sweep"]);
    }
    this.input("captions.json", JSON.stringify([{ file: "00.png", caption: "7,2" }, { file: "01.png", caption: hostileCaption }]));
    this.run("report-1", "report", `set -e; cd ${inputs}; cat ${mount}/net/latest/net.safetensors > /dev/null; mkdir -p ${run}/media/hardest
      cp dot.png ${run}/media/hardest/00.png; cp dark.png ${run}/media/hardest/01.png; cp captions.json ${run}/media/hardest/`);
    this.run("broken-1", "report", `cat ${mount}/net/latest/seed > /dev/null; echo no luck; exit 3`);
    this.json("runs");  // what is over is written down before it answers
  }

  async serve(options = [], environment = {}) {
    const child = spawn(art, ["ui", ...options], { env: { ...this.environment, ...environment }, stdio: ["ignore", "pipe", "inherit"] });
    this.ui = child;
    let text = "";
    this.address = await new Promise((done, fail) => {
      child.stdout.on("data", (chunk) => {
        this.printed = text += chunk;
        const found = text.match(/http:\/\/\S+/);
        if (found) done(found[0]);
      });
      child.on("exit", (code) => fail(new Error(`art ui ended with ${code}: ${text}`)));
    });
    const url = new URL(this.address);
    this.origin = url.origin;
    this.token = url.searchParams.get("token");
    return this;
  }
  async fetch(path, options = {}) {
    const ask = () => fetch(this.origin + path, { ...options, headers: { Authorization: `Bearer ${this.token}`, ...options.headers } });
    try {
      return await ask();
    } catch (error) {
      // Connections that the server closed while a program was waited for, of which Node has not heard yet.
      if (error.cause?.code !== "UND_ERR_SOCKET") throw error;
      return ask();
    }
  }
  async api(path) { return (await this.fetch(`/api/projects/${project}${path}`)).json(); }

  // Its exit status.
  async endServing() {
    if (!this.ui || this.ui.exitCode !== null) return this.ui?.exitCode;
    const over = new Promise((done) => this.ui.on("exit", done));
    this.ui.kill("SIGTERM");
    return over;
  }
  async close() {
    await this.endServing();
    try { this.art("umount", this.mount, "--lazy"); } catch { /* it went away in the test */ }
    rmSync(this.store, { recursive: true, force: true });
    rmSync(this.inputs, { recursive: true, force: true });
    // Never recursively: were it still mounted, artifacts would be removed.
    for (const directory of [this.mount, this.directory]) try { rmdirSync(directory); } catch { /* busy for a moment, lazily unmounted */ }
  }
}

// What torch.save and numpy.savez write, made without either: a zip with a pickle whose calls name
// torch's rebuilders; one that would run a program; arrays with headers.
const pickles = `
import collections, io, pickle, struct, sys, types, zipfile
torch = types.ModuleType("torch"); utils = types.ModuleType("torch._utils")
class FloatStorage: pass
FloatStorage.__module__ = "torch"; torch.FloatStorage = FloatStorage
def _rebuild_tensor_v2(*of): pass
_rebuild_tensor_v2.__module__ = "torch._utils"; utils._rebuild_tensor_v2 = _rebuild_tensor_v2
sys.modules["torch"] = torch; sys.modules["torch._utils"] = utils; torch._utils = utils
class Storage: pass
class Tensor:
    def __init__(self, *shape): self.shape = shape
    def __reduce__(self): return _rebuild_tensor_v2, (Storage(), 0, self.shape, (1,) * len(self.shape), False, collections.OrderedDict())
class Pickler(pickle.Pickler):
    def persistent_id(self, of): return ("storage", FloatStorage, "0", "cpu", 6) if isinstance(of, Storage) else None
def save(name, of):
    out = io.BytesIO(); Pickler(out, 2).dump(of)
    with zipfile.ZipFile(name, "w") as archive: archive.writestr("net/data.pkl", out.getvalue()); archive.writestr("net/data/0", b"0" * 24)
save("net.pt", collections.OrderedDict([("fc.weight", Tensor(2, 3)), ("fc.bias", Tensor(2))]))
import os
class Evil:
    def __reduce__(self): return os.system, ("touch evil-ran",)
save("evil.pt", {"x": Evil(), "w": Tensor(4)})
header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (5, 4), }".ljust(117) + b"\\n"
with zipfile.ZipFile("arrays.npz", "w", zipfile.ZIP_DEFLATED) as archive:
    archive.writestr("images.npy", b"\\x93NUMPY\\x01\\x00" + struct.pack("<H", len(header)) + header + b"0" * 160)
`;
