// The page behind the example's own server: words of others are words, tabs share what they have seen, tokens expire, and
// nobody sees what is another's.

import assert from "node:assert/strict";

import { end, guarded, profile, step, tab, until } from "./page.mjs";

const PLAIN = { title: "Good to see you", text: "An offer." };
const HTML = {
  title: "<img src=x onerror=\"window.ran = 'the title'\"><b>bold</b>",
  text: "<script>window.ran = 'the text'</script></p></li><h1>&lt;",
};

export async function ownPage(browser, host) {
  const { page: address, base, fishpond } = host;
  await fishpond("module", "upload", "target/components/herald.wasm");
  await fishpond("deployment", "apply", "found", "--module", "herald");
  for (const [name, content] of Object.entries({ offer: PLAIN, news: { title: "For bo" }, alarm: HTML })) {
    await fishpond("policy", "set", `tell-${name}`, "--match", name, "--content", JSON.stringify(content));
  }
  const tell = teller(host);
  await guarded(browser, address, base);
  await words(browser, address, tell);
  await tabs(browser, address, tell, host);
  await expiry(browser, address, tell, host);
  await persons(browser, address, tell);
}

// Lets something be found about a person, and answers the action that comes of it.
function teller({ base, token }) {
  const headers = { authorization: `Bearer ${token}` };
  const decisions = async (person) => {
    const answer = await fetch(`${base}/v1/demo/decisions?person=${person}`, { headers });
    return (await answer.json()).decisions.map((decision) => decision.action);
  };
  let n = 0;
  return async (person, match) => {
    const before = await decisions(person);
    const event = { specversion: "1.0", source: "/test", id: `${++n}`, type: "herald", actorid: person, data: { match, n } };
    const answer = await fetch(`${base}/v1/demo/events`, {
      method: "POST",
      headers: { ...headers, "content-type": "application/cloudevents+json" },
      body: JSON.stringify(event),
    });
    assert.ok(answer.ok, await answer.text());
    let found = [];
    await until("a decision", async () => {
      found = (await decisions(person)).filter((action) => !before.includes(action));
      return found.length > 0;
    });
    return found[0];
  };
}

async function words(browser, address, tell) {
  const { context, errors } = await profile(browser);
  const { page, item, connected, acknowledged } = tab(await context.newPage());
  await page.goto(address);
  await connected();
  const action = await tell("ann", "alarm");
  for (const again of [false, true]) {
    if (again) await page.reload();
    await acknowledged(action);
    assert.equal(await item(action).locator(".title").textContent(), HTML.title);
    assert.equal(await item(action).locator(".text").textContent(), HTML.text);
    assert.equal(await page.locator("#actions img, #actions b, #actions script, #actions h1").count(), 0);
    assert.equal(await page.evaluate(() => window.ran), undefined);
  }
  assert.deepEqual(errors, []);
  await context.close();
  step("HTML in a message is shown as text, and runs nothing");
}

async function tabs(browser, address, tell, host) {
  const { context, errors } = await profile(browser);
  const open = async () => {
    const opened = tab(await context.newPage());
    await opened.page.goto(address);
    await opened.connected();
    return opened;
  };
  const [one, other] = [await open(), await open()];
  const first = await tell("ann", "offer");
  for (const each of [one, other]) await each.acknowledged(first);
  // Acknowledgements of both get lost: what was shown comes again, also to the tab that is opened now.
  await context.route("**/ack", (route) => route.abort());
  const second = await tell("ann", "offer");
  for (const each of [one, other]) await each.item(second).waitFor();
  const late = tab(await context.newPage());
  await late.page.goto(address);
  await late.disconnected(); // it has come, and could not be acknowledged
  assert.notEqual(await end(host, second), "acknowledged");
  for (const each of [one, other, late]) {
    assert.deepEqual(await each.once(), [second, first]);
    await each.page.reload();
    await each.disconnected();
    assert.deepEqual(await each.once(), [second, first]);
  }
  await context.unroute("**/ack");
  for (const each of [one, other, late]) {
    await each.acknowledged(second);
    assert.deepEqual(await each.once(), [second, first]);
  }
  const stored = await one.page.evaluate(() => Object.entries(localStorage));
  for (const [key, value] of stored) {
    const ids = JSON.parse(value).map((entry) => entry.action ?? entry);
    assert.deepEqual(ids, [first, second], key);
  }
  assert.equal(stored.length, 2);
  assert.deepEqual(errors, []);
  await context.close();
  step("two tabs of one user show each action once, and so does each after a reload and a tab that is opened later");
}

async function expiry(browser, address, tell, host) {
  const { context, errors } = await profile(browser);
  const { page, item, connected, acknowledged, once } = tab(await context.newPage());
  // The first token is none, the others last two seconds.
  const tokens = [];
  await page.route("**/token?*", async (route) => {
    tokens.push(tokens.length ? await short(host) : "none");
    await route.fulfill({ contentType: "text/plain", body: tokens.at(-1) });
  });
  await page.goto(address);
  await connected();
  assert.ok(tokens.length >= 2, "who is refused asks for another token");
  const used = tokens.at(-1);
  const tags = `${host.base}/v1/demo/users/ann/tags?access_token=${used}`;
  await until("the token expires", async () => (await fetch(tags)).status === 401);
  const action = await tell("ann", "offer");
  await acknowledged(action);
  await until("the host's note", async () => (await end(host, action)) === "acknowledged");
  assert.notEqual(tokens.at(-1), used, "another token");
  step("a token that is refused or expires while connected is replaced, and the action is acknowledged");

  // The host ends a stream: a comment, and no more.
  await page.unroute("**/token?*");
  const asked = [];
  page.on("request", (request) => request.url().includes("/token?") && asked.push(request.url()));
  const headers = { "access-control-allow-origin": new URL(address).origin };
  const body = ": the token has expired\n\n";
  await page.route("**/actions?*", (route) => route.fulfill({ contentType: "text/event-stream", headers, body }), { times: 2 });
  await page.reload();
  await until("a token for each stream", () => asked.length >= 3);
  await connected();
  await acknowledged(await tell("ann", "offer"));
  assert.equal(asked.length, 3);
  await once();
  assert.equal(await item(action).count(), 1);
  assert.deepEqual(errors, []);
  await context.close();
  step("a stream that ends is opened again with a new token");
}

// A token that has nearly expired.
async function short({ base, token }) {
  const request = { method: "POST", headers: { authorization: `Bearer ${token}` } };
  const body = JSON.stringify({ user: "ann", lasts_s: 2 });
  return (await (await fetch(`${base}/v1/demo/user-tokens`, { ...request, body })).json()).token;
}

async function persons(browser, address, tell) {
  const { context, errors } = await profile(browser);
  const { page, items, item, connected, acknowledged, signIn } = tab(await context.newPage());
  await page.goto(address);
  await connected();
  const hers = [await tell("ann", "offer")];
  await acknowledged(hers[0]);
  await signIn("bo");
  await until("a clear screen", async () => (await items.count()) === 0);
  await connected();
  hers.unshift(await tell("ann", "offer"));
  const his = await tell("bo", "news");
  await acknowledged(his);
  assert.equal(await items.count(), 1);
  assert.doesNotMatch(await page.locator("#actions").textContent(), new RegExp(PLAIN.title));
  await signIn("ann");
  await acknowledged(hers[0]);
  assert.equal(await item(his).count(), 0);
  assert.deepEqual(await items.evaluateAll((all) => all.map((each) => each.dataset.action)), hers);
  assert.deepEqual(errors, []);
  await context.close();
  step("who signs in sees nothing of who was there before");
}
