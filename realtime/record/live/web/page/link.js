// The connection to the run: it comes back by itself, and knows the run's clock.

const PING_MS = 2000;
const SILENT_MS = 7000;
const LONGEST_WAIT_MS = 3000;
const ANSWER_MS = 4000; // a network that is gone refuses nothing, and answers nothing
const KEPT = 8;

function address(path) {
  return `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}${path}`;
}

// Opens a socket, and opens it again whenever it is lost.
//
// on.open(socket), on.text(object), on.data(ArrayBuffer), on.state(what is wrong, whether it is
// the token)
export class Link {
  constructor(path, on) {
    this.path = path;
    this.on = on;
    this.waitMs = 250;
    this.isWanted = true;
    this.socket = null;
    this.open();
  }

  open() {
    const socket = new WebSocket(address(this.path));
    socket.binaryType = "arraybuffer";
    this.socket = socket;
    setTimeout(() => {
      if (socket === this.socket && socket.readyState === WebSocket.CONNECTING) this.drop();
    }, ANSWER_MS);
    socket.onopen = () => {
      this.waitMs = 250;
      this.on.open(socket);
    };
    socket.onmessage = (event) => {
      if (typeof event.data === "string") this.on.text(JSON.parse(event.data), socket);
      else this.on.data(event.data, socket);
    };
    socket.onclose = () => this.lost(socket);
  }

  async lost(socket) {
    if (socket !== this.socket || !this.isWanted) return;
    this.on.state("connection lost", false);
    const { text, isLocked } = await reason();
    this.on.state(text, isLocked);
    setTimeout(() => this.isWanted && this.open(), this.waitMs);
    this.waitMs = Math.min(2 * this.waitMs, LONGEST_WAIT_MS);
  }

  // Give this socket up, although nobody has said that it is lost.
  drop() {
    const socket = this.socket;
    socket.onclose = socket.onmessage = null;
    socket.close();
    this.lost(socket);
  }

  end() {
    this.isWanted = false;
    this.socket.close();
  }

  send(object) {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(object));
  }
}

async function reason() {
  let text = "connection lost, connecting again";
  let isLocked = false;
  try {
    const signal = AbortSignal.timeout(ANSWER_MS);
    const found = await fetch("/style.css", { cache: "no-store", signal });
    isLocked = found.status === 401;
    if (isLocked) text = "locked: open the address that the program has printed";
  } catch {
    text = "the program does not answer, trying again";
  }
  return { text, isLocked };
}

// The run's clock, by the answer that came back soonest of the last few (as NTP does it).
export class Clock {
  constructor() {
    this.answers = [];
    this.heardMs = performance.now();
  }

  begin(link) {
    this.answers = [];
    this.heardMs = performance.now();
    clearInterval(this.timer);
    const ping = () => {
      if (performance.now() - this.heardMs > SILENT_MS) link.drop();
      else link.send({ type: "clock", t: performance.now() });
    };
    for (const ms of [0, 150, 400]) setTimeout(ping, ms);
    this.timer = setInterval(ping, PING_MS);
  }

  heard(answer) {
    const now = performance.now();
    this.heardMs = now;
    this.answers.push({ took: now - answer.t, offset: answer.unix_s * 1e3 - (now + answer.t) / 2 });
    if (this.answers.length > KEPT) this.answers.shift();
  }

  get isKnown() {
    return this.answers.length > 0;
  }

  // Seconds since 1970 on the run's clock, of a moment of performance.now().
  unixS(ms) {
    const best = this.answers.reduce((a, b) => (a.took <= b.took ? a : b));
    return (ms + best.offset) / 1e3;
  }
}
