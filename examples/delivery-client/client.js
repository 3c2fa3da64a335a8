// Receives one user's actions over server-sent events, shows each once, and says so. No dependency; any browser.
//
//   const inbox = new Inbox({ base: "https://api.example", business: "demo", user: "u1",
//                             token: () => fetchToken(), show: (action) => render(action) });
//   inbox.open();
//
// token         () => a user's token, from your own server; asked for each connection, so it may be short-lived
// show          (action) => shows it; may answer a promise. What it throws at is not acknowledged, and comes again
// acknowledged  (action) => the host knows it
// state         ("connecting" | "connected" | "disconnected" | "closed") => tells the user
// storage       where it is kept what was shown: by default the browser's localStorage
//
// Deliveries come at least once: a new connection sends again what was not acknowledged. The action's id is the same
// each time, so what has been shown is not shown again; it is acknowledged again, because the last word may have been
// lost. Every open tab shows it, as every device does; a tab that is loaded later knows what the others have shown.

const REMEMBERED = 500; // ids kept to tell repeats
const FIRST_WAIT = 2_000; // milliseconds until the next try, as the host asks of all
const LONGEST_WAIT = 60_000; // after several in vain; also for an answer

// Tabs share their storage: one after the other changes it. A page that comes from afar without TLS has no locks.
export const alone = (name, change) => globalThis.navigator?.locks?.request(name, change) ?? change();
const added = (ids, id) => [...ids.filter((other) => other !== id), id].slice(-REMEMBERED);

export class Inbox {
  wait = FIRST_WAIT;
  turn = Promise.resolve();
  remembered = () => JSON.parse(this.storage?.getItem(this.key) ?? "[]");

  constructor(options) {
    Object.assign(this, { base: "", storage: globalThis.localStorage, acknowledged() {}, state() {} }, options);
    this.path = `${this.base}/v1/${encodeURIComponent(this.business)}/users/${encodeURIComponent(this.user)}`;
    this.key = `fishpond:${this.business}:${this.user}`;
    this.shown = this.remembered();
  }

  async open() {
    this.state("connecting");
    this.secret = await Promise.resolve().then(() => this.token()).catch(() => "");
    if (this.closed || !this.secret) return this.again();
    // EventSource sends no headers, so the token travels in the address: it is short-lived and for this user only.
    const source = new EventSource(`${this.path}/actions?access_token=${encodeURIComponent(this.secret)}`);
    this.source = source;
    source.onerror = () => this.again(source);
    source.onopen = () => {
      this.state("connected");
      source.onerror = () => this.again(source, FIRST_WAIT); // it was there: no reason to wait for longer
    };
    source.addEventListener("action", (event) => {
      // One after the other, so that a repeat finds what was remembered.
      this.turn = this.turn.then(() => this.receive(JSON.parse(event.data))).catch(() => this.again(source));
    });
  }

  close() {
    this.closed = true;
    clearTimeout(this.timer);
    this.source?.close();
    this.state("closed");
  }

  // The token was refused or has expired, the host or the network is gone: always a new connection with a new token.
  // EventSource would come back by itself, but with the old token, and without what it has seen and not acknowledged.
  again(failed = this.source, wait = this.wait) {
    if (this.closed || failed !== this.source) return; // another connection is on its way already
    this.source?.close();
    this.source = undefined;
    this.state("disconnected");
    // Apart from one another: after a host's restart everybody comes back.
    this.timer = setTimeout(() => this.open(), wait * (0.5 + Math.random() / 2));
    this.wait = Math.min(wait * 2, LONGEST_WAIT);
  }

  async receive(action) {
    if (this.closed) return;
    if (!this.shown.includes(action.action)) {
      await this.show(action);
      this.shown = added(this.shown, action.action);
      const remember = () => this.storage?.setItem(this.key, JSON.stringify(added(this.remembered(), action.action)));
      await alone(this.key, remember);
    }
    const headers = { authorization: `Bearer ${this.secret}` };
    const request = { method: "POST", headers, signal: AbortSignal.timeout(LONGEST_WAIT) };
    const answer = await fetch(`${this.path}/actions/${action.action}/ack`, request);
    if (!answer.ok && answer.status !== 404) throw new Error(`not acknowledged: HTTP ${answer.status}`);
    this.wait = FIRST_WAIT;
    if (answer.ok) this.acknowledged(action); // otherwise it has expired meanwhile
  }
}
