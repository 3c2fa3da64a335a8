// What stands behind a page of yours, in small: serves the page, and asks the host for its user's token. The host's own
// token never leaves it. For this machine only, because whoever opens the page may say who they are: in yours that is
// known from the session. No dependency; node 18 or newer.
//
//   node examples/delivery-client/serve.mjs [USER ...]      in the folder that has the host's fishpond-data

import { readFile } from "node:fs/promises";
import { createServer } from "node:http";

const { FISHPOND_URL: base = "http://127.0.0.1:7878", FISHPOND_BUSINESS: business = "demo", PORT: port = "5173" } =
  process.env;
const secret = process.env.FISHPOND_TOKEN ?? (await readFile("fishpond-data/token", "utf8")).trim();
const [user = "fay", ...users] = process.argv.slice(2);
const origin = `http://127.0.0.1:${port}`;
const files = ["index.html", "page.css", "page.js", "client.js"];
const kinds = { html: "text/html", css: "text/css", js: "text/javascript" };
const headers = {
  "content-security-policy":
    `default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self' ${base}; ` +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "x-content-type-options": "nosniff",
  "cache-control": "no-store",
};

async function token(user) {
  const body = JSON.stringify({ user, lasts_s: 300 });
  const request = { method: "POST", headers: { authorization: `Bearer ${secret}` }, body };
  const answer = await fetch(`${base}/v1/${business}/user-tokens`, request);
  return answer.ok ? [200, "text/plain", (await answer.json()).token] : [502, "text/plain", await answer.text()];
}

async function route({ url, headers: { host } }) {
  // A name that somebody else has pointed here must not get at tokens.
  if (`http://${host}` !== origin) return [421, "text/plain", `this is ${origin}, under another name`];
  const { pathname, searchParams } = new URL(origin + url);
  const name = pathname.slice(1) || "index.html";
  if (name === "settings") return [200, "application/json", JSON.stringify({ base, business, user, users })];
  if (name === "token") return token(searchParams.get("user"));
  if (!files.includes(name)) return [404, "text/plain", "there is nothing here"];
  return [200, kinds[name.split(".")[1]], await readFile(new URL(name, import.meta.url))];
}

const server = createServer(async (request, response) => {
  const failed = (error) => [502, "text/plain", `${error.message}: is ${base} the host?`];
  const [status, kind, body] = await route(request).catch(failed);
  response.writeHead(status, { ...headers, "content-type": `${kind}; charset=utf-8` }).end(body);
});
const hint = `the host's api.cors_origins must name ${origin}`;
server.listen(Number(port), "127.0.0.1", () => console.log(`page: ${origin}/\n${hint}`));
