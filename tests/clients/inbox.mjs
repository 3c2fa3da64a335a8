// Runs the delivery client that we ship as a page would, and says in a line of JSON what happens. Lines that it is given:
// `deafen`: from now on acknowledgements do not get through, and it says so; `hear`: they do again; `reload`: the page is loaded anew. Ends
// with its standard input.
//
//   node --experimental-eventsource inbox.mjs CLIENT.JS http://HOST BUSINESS USER OPERATOR_TOKEN TOKEN_LASTS_S

import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const [file, base, business, user, operator, lasts] = process.argv.slice(2);
const { Inbox } = await import(pathToFileURL(file));

const say = (what) => console.log(JSON.stringify(what));
const send = globalThis.fetch;
let deaf = false;
globalThis.fetch = (address, options) =>
  deaf && String(address).endsWith("/ack") ? Promise.reject(new TypeError("the network is down")) : send(address, options);
// What the app's own server does.
async function token() {
  const headers = { authorization: `Bearer ${operator}` };
  const body = JSON.stringify({ user, lasts_s: Number(lasts) });
  const answer = await send(`${base}/v1/${business}/user-tokens`, { method: "POST", headers, body });
  return (await answer.json()).token;
}

const kept = new Map();
const storage = { getItem: (key) => kept.get(key) ?? null, setItem: (key, value) => kept.set(key, value) };
const load = () =>
  new Inbox({
    base,
    business,
    user,
    token,
    storage,
    show: (action) => say({ shown: action.fields.n }),
    acknowledged: (action) => say({ acknowledged: action.fields.n }),
    state: (state) => say({ state }),
  });

let inbox = load();
const commands = {
  deafen: () => {
    deaf = true;
    say({ deaf });
  },
  hear: () => (deaf = false),
  reload: () => {
    inbox.close();
    inbox = load();
    inbox.open();
  },
};
createInterface({ input: process.stdin })
  .on("line", (line) => commands[line]())
  .on("close", () => process.exit(0));
inbox.open();
