// The page of a run: what it shows, and its buttons.

import { Camera } from "/camera.js";
import { View } from "/draw.js";
import { Clock, Link } from "/link.js";

const PEOPLE_EVERY_MS = 200;
const AGES = 120;

const at = (id) => document.getElementById(id);
const view = new View(at("view"));
const clock = new Clock();
let hello = { limbs: [], sides: [], has_picture: false };
let state = { is_mirrored: false, files: [], more_files: 0 };
let newest = null; // { frame, picture }
let waiting = null; // a frame whose picture has not come yet
let isDue = false;
let chosen = null;
let listedMs = 0;
let ages = [];
let hasEnded = false;

history.replaceState(null, "", "/"); // the token is in the cookie now

let source = null; // of several, the one that is watched
let link = watch();

// Watch the run, or one of its sources; a page that watched another one forgets it.
function watch() {
  const which = source === null ? "" : `&source=${encodeURIComponent(source)}`;
  const made = new Link(`/ws?picture=1&seen=1${which}`, {
    open: () => {
      clock.begin(made);
      status("connected");
    },
    text: (said) => made === link && heard(said),
    data: (jpeg) => made === link && show(waiting, jpeg),
    state: (text, isLocked) => {
      if (made === link && (!hasEnded || isLocked)) status(text, true);
    },
  });
  return made;
}

function choose(name) {
  if (name === source) return;
  source = name;
  link.end();
  view.trails.clear();
  newest?.picture?.close();
  newest = waiting = chosen = null;
  ages = [];
  listedMs = 0;
  link = watch();
}

function listSources() {
  const list = at("source");
  const names = hello.sources ?? [];
  at("sources").hidden = names.length < 2;
  fit(list, names.length, () => document.createElement("option"));
  names.forEach((name, index) => (list.children[index].textContent = name));
  if (names.length) {
    source = list.value = hello.source;
    document.title = `steadypose: ${source}`;
  }
}

const camera = new Camera(clock, (text) => {
  at("offer").hidden = !text;
  at("offer-text").textContent = text;
});

function heard(said) {
  clock.heardMs = performance.now();
  if (said.type === "frame") {
    view.remember(said);
    waiting = said;
    if (!said.has_picture) show(said, null);
  } else if (said.type === "state") {
    state = said;
    showState();
  } else if (said.type === "clock") {
    clock.heard(said);
  } else if (said.type === "hello") {
    hello = said;
    hasEnded = false;
    listSources();
    if (hello.takes_camera && !camera.isOn) {
      at("offer").hidden = false;
      if (Camera.wasOn()) camera.begin();
    }
  } else if (said.type === "end") {
    hasEnded = true;
    status("the run has ended; with the same --serve-token the next one is shown here", true);
    state.files = [];
    state.more_files = 0;
    showFiles();
  }
}

async function show(frame, jpeg) {
  let picture = null;
  if (jpeg) {
    try {
      picture = await createImageBitmap(new Blob([jpeg], { type: "image/jpeg" }));
    } catch {
      picture = null;
    }
  }
  if (frame.source !== undefined && frame.source !== source) {
    picture?.close();
    return; // another source was chosen while it was decoded
  }
  link.send({ type: "seen", frame: frame.frame });
  newest?.picture?.close();
  newest = { frame, picture, isNew: true };
  draw();
}

function draw() {
  if (isDue) return;
  isDue = true;
  requestAnimationFrame(() => {
    isDue = false;
    if (!newest) return;
    const { frame, picture } = newest;
    const how = { isMirrored: state.is_mirrored, hasPaths: at("paths").checked };
    view.draw(frame, picture, hello, how);
    if (newest.isNew) painted(() => measure(frame));
    newest.isNew = false;
    if (performance.now() - listedMs > PEOPLE_EVERY_MS) listPeople(frame);
  });
}

// Does something once what was drawn is with the screen: a message comes after the painting.
const channel = new MessageChannel();
let afterwards = [];
channel.port1.onmessage = () => {
  for (const work of afterwards.splice(0)) work();
};
function painted(work) {
  afterwards.push(work);
  channel.port2.postMessage(null);
}

// How long after it was taken a frame is on this page.
function measure(frame) {
  if (!clock.isKnown) return;
  const age = 1e3 * (clock.unixS(performance.now()) - frame.unix_s);
  ages.push(age);
  if (ages.length > AGES) ages.shift();
  const detail = { frame: frame.frame, age_ms: age };
  at("view").dispatchEvent(new CustomEvent("seen", { detail }));
}

function showAge() {
  const sorted = [...ages].sort((a, b) => a - b);
  const share = (p) => Math.round(sorted[Math.floor(p * (sorted.length - 1))]);
  at("age").textContent = sorted.length
    ? `seen here after ${share(0.5)} ms, 95 % within ${share(0.95)} ms`
    : "";
}

function listPeople(frame) {
  listedMs = performance.now();
  const people = frame.persons;
  if (!people.some((person) => person.id === chosen)) chosen = people[0]?.id ?? null;
  at("nobody").hidden = people.length > 0;
  const list = at("people");
  fit(list, people.length, personButton);
  people.forEach((person, index) => {
    const button = list.children[index].firstChild;
    button.dataset.person = person.id;
    button.setAttribute("aria-pressed", String(person.id === chosen));
    button.children[0].textContent = `person ${person.id}`;
    button.children[1].textContent = person.score.toFixed(2);
  });
  listAngles(people.find((person) => person.id === chosen)?.angles ?? {});
  showAge();
}

function personButton() {
  const item = document.createElement("li");
  const button = document.createElement("button");
  button.type = "button";
  button.append(document.createElement("span"), document.createElement("span"));
  button.onclick = () => {
    chosen = Number(button.dataset.person);
    if (newest) listPeople(newest.frame);
  };
  item.append(button);
  return item;
}

const angleRows = new Map();

// A row for each joint, left and right beside each other.
function listAngles(angles) {
  const body = at("angles").tBodies[0];
  for (const name of Object.keys(angles)) {
    const [side, joint] = name.includes("_") ? name.split("_") : ["middle", name];
    if (!angleRows.has(joint)) {
      const row = body.insertRow();
      const head = document.createElement("th");
      head.scope = "row";
      head.textContent = joint;
      row.append(head);
      const sides = side === "middle" ? [side] : ["left", "right"];
      angleRows.set(joint, Object.fromEntries(sides.map((at) => [at, row.insertCell()])));
      if (side === "middle") angleRows.get(joint)[side].colSpan = 2;
    }
    angleRows.get(joint)[side].dataset.name = name;
  }
  for (const cells of angleRows.values()) {
    for (const cell of Object.values(cells)) {
      const found = angles[cell.dataset.name];
      const isHardlyKnown = found && found[1] !== null && found[1] > 30;
      cell.textContent = found && !isHardlyKnown ? degrees(found[0]) : "";
    }
  }
}

function degrees(value) {
  return `${Math.round(value)}°`.replace("-", "\u2212").replace("\u22120°", "0°");
}

function showState() {
  at("figures").textContent = state.lines.join("\n");
  for (const [id, text] of [["alert", state.alert], ["message", state.message]]) {
    at(id).hidden = !text;
    at(id).textContent = text ?? "";
  }
  at("recording").hidden = !state.is_recording;
  const pressed = {
    pause: state.is_paused,
    record: state.is_recording,
    mirror: state.is_mirrored,
    smooth: state.is_smooth,
  };
  for (const [name, isPressed] of Object.entries(pressed)) {
    const button = document.querySelector(`[data-button=${name}]`);
    button.setAttribute("aria-pressed", String(isPressed));
  }
  showFiles();
  draw();
}

function showFiles() {
  at("no-files").hidden = state.files.length > 0;
  at("more-files").hidden = !state.more_files;
  at("more-files").textContent = `and ${state.more_files} older ones`;
  const list = at("files");
  fit(list, state.files.length, () => {
    const item = document.createElement("li");
    item.append(document.createElement("a"), document.createElement("span"));
    return item;
  });
  state.files.forEach((file, index) => {
    const [link, size] = list.children[index].children;
    if (link.download !== file.name) {
      const which = source === null ? "" : `?source=${encodeURIComponent(source)}`;
      link.href = `/recordings/${encodeURIComponent(file.name)}${which}`;
      link.download = link.textContent = file.name;
    }
    size.textContent = bytes(file.size_bytes);
  });
}

// Lists change in place: what is replaced cannot be clicked.
function fit(list, count, make) {
  while (list.children.length > count) list.lastChild.remove();
  while (list.children.length < count) list.append(make());
}

function bytes(count) {
  if (count < 1e3) return `${count} B`;
  return count < 1e6 ? `${(count / 1e3).toFixed(0)} kB` : `${(count / 1e6).toFixed(1)} MB`;
}

function status(text, isBad = false) {
  at("status").textContent = text;
  at("status").classList.toggle("bad", isBad);
  for (const button of document.querySelectorAll("[data-button]")) button.disabled = isBad;
}

for (const button of document.querySelectorAll("[data-button]")) {
  button.onclick = () =>
    fetch("/press", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ button: button.dataset.button }),
    }).catch(() => {});
}
at("paths").onchange = draw;
at("camera").onclick = () => camera.begin();
at("source").onchange = () => choose(at("source").value);
