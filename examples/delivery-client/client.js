// Receives one user's actions over server-sent events, shows each once, and says so. No dependency; any browser.
//
//   const inbox = new Inbox({ base: "https://api.example", business: "demo", user: "u1",
//                             token: () => fetchToken(), show: (action) => render(action) });
//   inbox.open();
//
// Deliveries come at least once: a new connection sends again what was not acknowledged. The action's id is the same
// each time, so what has been shown is not shown again; it is acknowledged again, because the last word may have been
// lost.

const REMEMBERED = 500; // ids kept to tell repeats
const FIRST_WAIT = 2_000; // milliseconds until the next try, as the host asks of all
const LONGEST_WAIT = 60_000; // after several in vain

export class Inbox {
  constructor({
    base = "",
    business,
    user,
    token, // () => a user's token, from your own server; asked for each connection, so it may be short-lived
    show, // (action) => shows it; may answer a promise
    acknowledged = () => {}, // (action) => the host knows it
    state = () => {}, // ("connecting" | "connected" | "disconnected" | "closed")
    storage = globalThis.localStorage,
  }) {
    Object.assign(this, { token, show, acknowledged, state, storage });
    this.path = `${base}/v1/${encodeURIComponent(business)}/users/${encodeURIComponent(user)}`;
    this.key = `fishpond:${business}:${user}`;
    this.shown = new Set(JSON.parse(storage?.getItem(this.key) ?? "[]"));
    this.wait = FIRST_WAIT;
    this.turn = Promise.resolve();
  }

  async open() {
    this.state("connecting");
    try {
      this.secret = await this.token();
    } catch {
      return this.again();
    }
    if (this.closed) return;
    // EventSource sends no headers, so the token travels in the address: it is short-lived and for this user only.
    const source = new EventSource(`${this.path}/actions?access_token=${encodeURIComponent(this.secret)}`);
    this.source = source;
    let opened = false;
    source.onopen = () => {
      opened = true;
      this.state("connected");
    };
    source.onerror = () => {
      if (opened) this.wait = FIRST_WAIT;
      this.again(source);
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

  // EventSource would come back by itself, but with the old token, and without what it has seen and not acknowledged.
  again(failed = this.source) {
    if (this.closed || failed !== this.source) return; // another connection is on its way already
    this.source?.close();
    this.source = undefined;
    this.state("disconnected");
    // Apart from one another: after a host's restart everybody comes back.
    this.timer = setTimeout(() => this.open(), this.wait * (0.5 + Math.random() / 2));
    this.wait = Math.min(this.wait * 2, LONGEST_WAIT);
  }

  async receive(action) {
    if (this.closed) return;
    if (!this.shown.has(action.action)) {
      await this.show(action); // what cannot be shown is not acknowledged, and comes again
      this.shown.add(action.action);
      this.storage?.setItem(this.key, JSON.stringify([...this.shown].slice(-REMEMBERED)));
    }
    const answer = await fetch(`${this.path}/actions/${action.action}/ack`, {
      method: "POST",
      headers: { authorization: `Bearer ${this.secret}` },
    });
    if (answer.status === 404) return; // it has expired meanwhile
    if (!answer.ok) throw new Error(`not acknowledged: HTTP ${answer.status}`);
    this.wait = FIRST_WAIT;
    this.acknowledged(action);
  }
}
