// A page with one user's messages. Asks its own server for `settings` and for a user's `token`: the demo, or serve.mjs.

import { alone, Inbox } from "./client.js";

const KEPT = 100; // messages that are still there after a reload
const find = (id) => document.getElementById(id);
const settings = await (await fetch("./settings")).json();
const words = {
  connecting: "connecting…",
  connected: "connected: what happens now is shown at once",
  disconnected: "disconnected: trying again",
  closed: "not connected",
};
let inbox;

// What the user has been shown and not cleared away is the app's to keep, as here, or to drop.
const key = (user) => `fishpond-page:${settings.business}:${user}`;
const kept = (user) => JSON.parse(localStorage.getItem(key(user)) ?? "[]");

// Each action once, whichever tabs keep it.
function keep(user, action) {
  return alone(key(user), () => {
    const all = new Map(kept(user).map((other) => [other.action, other]));
    all.set(action.action, { ...all.get(action.action), ...action });
    localStorage.setItem(key(user), JSON.stringify([...all.values()].slice(-KEPT)));
  });
}

function element(name, className, text) {
  const made = document.createElement(name);
  made.className = className;
  made.textContent = text; // never HTML: contents are anybody's words
  return made;
}

function add({ action, content, match, policy, sequence, time }) {
  const item = document.createElement("li");
  item.dataset.action = action;
  const title = element("h2", "title", content.title ?? "(no title)");
  const text = element("p", "text", content.text ?? (content.title ? "" : JSON.stringify(content)));
  const when = new Date(time).toLocaleTimeString();
  const why = element("p", "why", `number ${sequence}, ${when}: ${match} → ${policy} · action ${action} · `);
  why.append(element("span", "acknowledged", ""));
  item.append(title, text, why);
  find("actions").prepend(item);
  find("count").textContent = find("actions").children.length;
  return item;
}

// Also of one that is there already.
function render(action) {
  const there = document.querySelector(`li[data-action="${action.action}"]`) ?? add(action);
  if (action.acknowledged) there.querySelector(".acknowledged").textContent = "acknowledged";
}

function signIn(user) {
  inbox?.close();
  find("actions").replaceChildren();
  find("count").textContent = 0;
  kept(user).forEach(render);
  const mine = new Inbox({
    ...settings,
    user,
    token: async () => {
      const answer = await fetch(`./token?user=${encodeURIComponent(user)}`);
      if (!answer.ok) throw new Error(await answer.text());
      return answer.text();
    },
    show: (action) => {
      render(action);
      return keep(user, action);
    },
    acknowledged: (action) => {
      // Somebody else may be signed in when the answer comes.
      if (inbox === mine) render({ ...action, acknowledged: true });
      return keep(user, { ...action, acknowledged: true });
    },
    state: (state) => {
      find("state").dataset.state = state;
      find("state").textContent = words[state];
    },
  });
  inbox = mine;
  inbox.open();
}

// Another tab has shown something, or heard that it is acknowledged.
addEventListener("storage", ({ key: changed }) => changed === key(inbox.user) && kept(inbox.user).forEach(render));
find("users").append(...settings.users.map((user) => Object.assign(document.createElement("option"), { value: user })));
find("user").value = settings.user;
find("who").addEventListener("submit", (event) => {
  event.preventDefault();
  signIn(find("user").value.trim());
});
signIn(settings.user);
