// What the tests of the page have in common.

import assert from "node:assert/strict";

export const LONGEST = 30_000; // milliseconds for anything that is waited for

export async function until(what, holds, longest = LONGEST) {
  const started = Date.now();
  while (!(await holds())) {
    assert.ok(Date.now() - started < longest, `${what}: not within ${longest} ms`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

export function step(text) {
  console.log(`ok  ${text}`);
}

// A browser's storage of its own; tabs in it share it. `errors`: of scripts, and what the page's policy has refused.
export async function profile(browser) {
  const context = await browser.newContext();
  context.setDefaultTimeout(LONGEST);
  const errors = [];
  context.on("weberror", (error) => errors.push(`${error.error().stack}`));
  await context.exposeBinding("refused", (_, text) => errors.push(text));
  await context.addInitScript(() =>
    addEventListener("securitypolicyviolation", (event) => window.refused(`refused: ${event.effectiveDirective}`)),
  );
  return { context, errors };
}

// A tab with the page.
export function tab(page) {
  const items = page.locator("li[data-action]");
  return {
    page,
    items,
    item: (action) => page.locator(`li[data-action="${action}"]`),
    connected: () => page.locator('#state[data-state="connected"]').waitFor(),
    disconnected: () => page.locator('#state[data-state="disconnected"]').waitFor(),
    acknowledged: (action) =>
      page.locator(`li[data-action="${action}"] .acknowledged`, { hasText: "acknowledged" }).waitFor(),
    // Each action that it shows is there once.
    async once() {
      const ids = await items.evaluateAll((all) => all.map((item) => item.dataset.action));
      assert.equal(new Set(ids).size, ids.length, "each action is shown once");
      assert.equal(Number(await page.locator("#count").textContent()), ids.length);
      return ids;
    },
    async signIn(user) {
      await page.fill("#user", user);
      await page.click("#who button");
    },
  };
}

// What the host says about an action.
export async function end({ base, token }, action) {
  const address = `${base}/v1/demo/decisions/${action}`;
  const answer = await fetch(address, { headers: { authorization: `Bearer ${token}` } });
  assert.equal(answer.status, 200, address);
  return (await answer.json()).end?.end;
}

// The page's policy holds: tries what it must refuse.
export async function guarded(browser, address, base) {
  const { context, errors } = await profile(browser);
  const page = await context.newPage();
  const headers = (await page.goto(address)).headers();
  await tab(page).connected();
  assert.deepEqual(errors, [], "the page itself keeps to its policy");
  const policy = (headers["content-security-policy"] ?? "").split("; ");
  assert.ok(policy.includes("default-src 'none'") && policy.includes("script-src 'self'"), `policy: ${policy}`);
  assert.ok(policy.includes(`connect-src 'self' ${base}`), `policy: ${policy}`);
  assert.equal(headers["x-content-type-options"], "nosniff");
  await page.evaluate(() => {
    const script = document.createElement("script");
    script.textContent = "window.ran = 'an inline script'";
    document.body.append(script);
  });
  await page.evaluate(() => {
    const there = document.createElement("div");
    there.innerHTML = "<img src='data:,' onerror=\"window.ran = 'an inline handler'\">";
    document.body.append(there);
  });
  const elsewhere = await page.evaluate(() => fetch("http://127.0.0.1:9/").then(() => "asked", () => "refused"));
  assert.equal(elsewhere, "refused");
  const wanted = ["script-src-elem", "script-src-attr", "connect-src"].map((part) => `refused: ${part}`);
  await until("what was tried is refused", () => wanted.every((part) => errors.includes(part)));
  assert.equal(await page.evaluate(() => window.ran), undefined);
  await context.close();
  step("the page's policy lets nothing run that was written into it, and nobody be asked but the host");
}
