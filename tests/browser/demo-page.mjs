// Opens the demo's page in a browser and looks at it as a user does: what arrives is shown, each once, whatever
// happens to acknowledgements, connections and the page itself; and the host has it as acknowledged.
//
// PAGE: address of the page. TOKEN: the host's, to look behind the page. CHROMIUM: the browser's program.
// SCREENSHOT: where to put a picture of the page at the end; none if it is not set.

import assert from "node:assert/strict";
import { chromium } from "playwright-core";

const { PAGE, TOKEN, CHROMIUM, SCREENSHOT } = process.env;
const LONGEST = 30_000; // milliseconds for anything that is waited for

const settings = await (await fetch(new URL("settings", PAGE))).json();
const browser = await chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox"] });
const context = await browser.newContext();
context.setDefaultTimeout(LONGEST);
const page = await context.newPage();
const errors = [];
page.on("pageerror", (error) => errors.push(error));
page.on("console", (message) => message.text().includes("Content Security") && errors.push(message.text()));

const items = page.locator("li[data-action]");
const shown = (action) => page.locator(`li[data-action="${action}"]`);
const connected = () => page.locator('#state[data-state="connected"]').waitFor();
const acknowledgement = (status) =>
  page.waitForResponse((answer) => answer.url().endsWith("/ack") && answer.status() === status);

// What the host says about an action.
async function end(action) {
  const address = `${settings.base}/v1/${settings.business}/decisions/${action}`;
  const answer = await fetch(address, { headers: { authorization: `Bearer ${TOKEN}` } });
  assert.equal(answer.status, 200, address);
  return (await answer.json()).end?.end;
}

// Which actions it has sent to the page, repeats included.
async function deliveries() {
  const session = await context.newCDPSession(page);
  await session.send("Network.enable");
  const received = [];
  session.on("Network.eventSourceMessageReceived", ({ eventName, data }) => {
    if (eventName === "action") received.push(JSON.parse(data).action);
  });
  return received;
}

async function until(what, holds) {
  const started = Date.now();
  while (!(await holds())) {
    assert.ok(Date.now() - started < LONGEST, `${what}: not within ${LONGEST} ms`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function step(text) {
  console.log(`ok  ${text}`);
}

try {
  const received = await deliveries();

  // Acknowledgements get lost.
  await page.route("**/ack", (route) => route.abort());
  await page.goto(PAGE);
  const action = await items.last().getAttribute("data-action");
  await until("the repeat", async () => received.filter((other) => other === action).length >= 2);
  assert.equal(await shown(action).count(), 1);
  assert.notEqual(await end(action), "acknowledged");
  step(`${settings.user} was shown ${action} once, although it came ${received.length} times without an acknowledgement`);

  // The page is loaded again: what was shown is still there, comes again, and is acknowledged now.
  received.length = 0;
  await page.unroute("**/ack");
  await Promise.all([acknowledgement(200), page.reload()]);
  await shown(action).locator(".acknowledged", { hasText: "acknowledged" }).waitFor();
  assert.ok(received.includes(action), "what was not acknowledged comes again");
  assert.equal(await shown(action).count(), 1);
  await until("the host's note", async () => (await end(action)) === "acknowledged");
  step("after a reload it came again, is shown once, and the host has it as acknowledged");

  // And again: now there is nothing to come.
  received.length = 0;
  await page.reload();
  await connected();
  const before = await items.count();
  await until("a new action", async () => (await items.count()) > before);
  const latest = await items.first().getAttribute("data-action");
  assert.notEqual(latest, action);
  assert.ok(!received.includes(action), "what was acknowledged does not come again");
  assert.equal(await shown(action).count(), 1);
  await until("its acknowledgement", async () => (await end(latest)) === "acknowledged");
  step(`after another reload it did not come again; what happened then is here: ${latest}`);

  // A connection that breaks.
  await context.setOffline(true);
  await page.locator('#state:not([data-state="connected"])').waitFor();
  await context.setOffline(false);
  await connected();
  step("a lost connection is shown, and it comes back by itself");

  const ids = await items.evaluateAll((all) => all.map((item) => item.dataset.action));
  assert.equal(new Set(ids).size, ids.length, "each action is shown once");
  assert.equal(Number(await page.locator("#count").textContent()), ids.length);
  assert.deepEqual(errors, [], "errors of the page");
  step(`${ids.length} actions shown, each once`);
  if (SCREENSHOT) await page.screenshot({ path: SCREENSHOT });
} finally {
  await browser.close();
}
