// Starts what the tests of the page need, runs them, and ends all of it, whatever happens and within a time.
//
// FISHPOND: the program under test. CHROMIUM: the browser's program. SCREENSHOT: where to put a picture of the page.

import { execFile, spawn } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { chromium } from "playwright-core";

import { demoPage } from "./demo-page.mjs";
import { ownPage } from "./own-page.mjs";
import { until } from "./page.mjs";

const { FISHPOND, CHROMIUM, SCREENSHOT } = process.env;
const LIMIT_S = 300; // for all of it
const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const folder = mkdtempSync(join(tmpdir(), "fishpond-browser-"));
// Settings of whoever runs this are another host's.
const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("FISHPOND")));
const running = new Map(); // the first process of a group, and when it has ended
let browser;
let ending = false;

// First as one asks a program to end, then for certain.
async function end(code) {
  if (ending) return;
  ending = true;
  const patience = new Promise((resolve) => setTimeout(resolve, 10_000));
  const all = (signal) => {
    for (const group of running.keys()) {
      try {
        process.kill(-group, signal);
      } catch {
        // It has ended.
      }
    }
  };
  all("SIGTERM");
  await Promise.race([Promise.allSettled([...running.values(), browser?.close()]), patience]);
  all("SIGKILL");
  rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
  process.exit(code);
}

// Runs until the end, in a group of its own: what it starts ends with it. `timeout` ends it should this process be killed.
function start(name, program, words, more = {}) {
  const log = join(folder, `${name}.log`);
  const out = openSync(log, "a");
  const command = ["--signal=KILL", `${LIMIT_S + 10}`, program, ...words];
  const child = spawn("timeout", command, { cwd: root, env, detached: true, stdio: ["ignore", out, out], ...more });
  closeSync(out);
  let ended;
  const exit = new Promise((resolve) => {
    child.on("error", (error) => resolve((ended = error.message)));
    child.on("exit", (code, signal) => resolve((ended = `${signal ?? code}`)));
  });
  if (child.pid) running.set(child.pid, exit);
  const said = () => readFileSync(log, "utf8");
  return {
    // The part of what it says that the pattern's brackets hold.
    async says(pattern) {
      await until(`${name} says ${pattern}`, () => {
        if (ended) throw new Error(`${name} has ended (${ended}):\n${said()}`);
        return pattern.test(said());
      }, 2 * 60_000);
      return said().match(pattern)[1];
    },
  };
}

// Below those that the system gives to whoever connects: one of them may be taken before a program listens there.
async function freePort() {
  for (;;) {
    const server = createServer();
    const port = 20_000 + Math.floor(Math.random() * 12_000);
    const free = await new Promise((resolve) => {
      server.once("error", () => resolve(false)).once("listening", () => server.close(() => resolve(true)));
      server.listen(port, "127.0.0.1");
    });
    if (free) return port;
  }
}

async function demo() {
  const data = join(folder, "demo");
  const sizes = ["--events", "20000", "--users", "2000", "--listen", `127.0.0.1:${await freePort()}`];
  const page = await start("demo", FISHPOND, ["demo", "--keep", "--data", data, ...sizes]).says(/^ *page: (.*)$/m);
  await demoPage(browser, { page, token: readFileSync(join(data, "token"), "utf8").trim(), screenshot: SCREENSHOT });
}

// As the README has it: a host, and the example's own server in the folder that has the host's data.
async function own() {
  const [host, port] = [`127.0.0.1:${await freePort()}`, `${await freePort()}`];
  const [data, base] = [join(folder, "fishpond-data"), `http://${host}`];
  const origins = { FISHPOND_API_CORS_ORIGINS: `http://127.0.0.1:${port}` };
  start("host", FISHPOND, ["serve", "--listen", host, "--data", data], { env: { ...env, ...origins } });
  await until("the host is ready", () => fetch(`${base}/readyz`).then((answer) => answer.ok, () => false));
  const fishpond = (...words) => promisify(execFile)(FISHPOND, [...words, "--url", base, "--data", data], { cwd: root, env });
  const script = join(root, "examples/delivery-client/serve.mjs");
  const server = start("server", process.execPath, [script, "ann", "bo"], {
    cwd: folder,
    env: { ...env, FISHPOND_URL: base, PORT: port },
  });
  const page = await server.says(/^page: (.*)$/m);
  await ownPage(browser, { page, base, fishpond, token: readFileSync(join(data, "token"), "utf8").trim() });
}

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.once(signal, () => end(130));
setTimeout(() => {
  console.error(`not within ${LIMIT_S} s`);
  end(1);
}, LIMIT_S * 1_000);
try {
  // A container's root may not use the browser's sandbox; everybody else does.
  const chromiumSandbox = process.getuid() !== 0;
  const signals = { handleSIGINT: false, handleSIGTERM: false, handleSIGHUP: false };
  browser = await chromium.launch({ executablePath: CHROMIUM, chromiumSandbox, timeout: 60_000, ...signals });
  await own();
  await demo();
  await end(0);
} catch (error) {
  if (!ending) console.error(error);
  await end(1);
}
