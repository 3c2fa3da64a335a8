// Opens the demo's page and looks at it as a user does: what arrives is shown, each once, whatever happens to
// acknowledgements, connections and the page itself; and the host has it as acknowledged.

import assert from "node:assert/strict";

import { end, guarded, profile, step, tab, until } from "./page.mjs";

export async function demoPage(browser, { page: address, token, screenshot }) {
  const settings = await (await fetch(new URL("settings", address))).json();
  const host = { base: settings.base, token };
  const { context, errors } = await profile(browser);
  const page = await context.newPage();
  const { items, item, connected, acknowledged, once } = tab(page);
  const received = await deliveries(context, page);

  // Acknowledgements get lost.
  await page.route("**/ack", (route) => route.abort());
  await page.goto(address);
  const action = await items.last().getAttribute("data-action");
  await until("the repeat", async () => received.filter((other) => other === action).length >= 2);
  assert.equal(await item(action).count(), 1);
  assert.notEqual(await end(host, action), "acknowledged");
  step(`${settings.user} was shown ${action} once, although it came ${received.length} times without an acknowledgement`);

  // The page is loaded again: what was shown is still there, comes again, and is acknowledged now.
  received.length = 0;
  await page.unroute("**/ack");
  await page.reload();
  await acknowledged(action);
  assert.ok(received.includes(action), "what was not acknowledged comes again");
  assert.equal(await item(action).count(), 1);
  await until("the host's note", async () => (await end(host, action)) === "acknowledged");
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
  assert.equal(await item(action).count(), 1);
  await until("its acknowledgement", async () => (await end(host, latest)) === "acknowledged");
  step(`after another reload it did not come again; what happened then is here: ${latest}`);

  // A connection that breaks.
  await context.setOffline(true);
  await page.locator('#state:not([data-state="connected"])').waitFor();
  await context.setOffline(false);
  await connected();
  step("a lost connection is shown, and it comes back by itself");

  const ids = await once();
  assert.deepEqual(errors, [], "errors of the page");
  step(`${ids.length} actions shown, each once`);
  if (screenshot) await page.screenshot({ path: screenshot });
  await context.close();
  await guarded(browser, address, settings.base);
}

// Which actions the host has sent to the page, repeats included.
async function deliveries(context, page) {
  const session = await context.newCDPSession(page);
  await session.send("Network.enable");
  const received = [];
  session.on("Network.eventSourceMessageReceived", ({ eventName, data }) => {
    if (eventName === "action") received.push(JSON.parse(data).action);
  });
  return received;
}
