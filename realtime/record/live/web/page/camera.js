// This browser's camera, for a run that reads one: pictures with the time at which they were taken.

import { Link } from "/link.js";

const SIZE = { width: { ideal: 640 }, height: { ideal: 480 }, frameRate: { ideal: 30 } };
const QUALITY = 0.85;
const MOST_ON_THE_WAY = 2;
const MEMORY = "steadypose camera";

export class Camera {
  // clock: the run's; say(text): what is wrong, or empty.
  constructor(clock, say) {
    this.clock = clock;
    this.say = say;
    this.link = null;
    this.stream = null;
    this.onTheWay = 0;
    this.video = document.createElement("video");
    this.video.muted = this.video.playsInline = true;
    this.worker = null;
    this.number = 0;
    this.heads = new Map(); // what comes before a JPEG that is being made
  }

  // Whether this page was the camera before it was loaded again.
  static wasOn() {
    return sessionStorage.getItem(MEMORY) === "on";
  }

  get isOn() {
    return this.link !== null;
  }

  async begin() {
    if (!navigator.mediaDevices) {
      this.say("A browser gives its camera to pages of localhost or https only: use ssh -L.");
      return;
    }
    try {
      this.stream = await navigator.mediaDevices.getUserMedia({ video: SIZE });
    } catch (error) {
      this.say(`The camera cannot be used: ${error.message || error.name}.`);
      return;
    }
    sessionStorage.setItem(MEMORY, "on");
    this.say("");
    this.link = new Link("/camera", {
      open: () => (this.onTheWay = 0),
      text: (said) => {
        if (said.type === "taken") this.onTheWay = Math.max(0, this.onTheWay - 1);
        if (said.type === "replaced") this.end("Another page is the camera now.");
      },
      data: () => {},
      state: () => {},
    });
    for (const track of this.stream.getTracks()) {
      track.onended = () => this.end("The camera was taken away.");
    }
    this.worker = new Worker("/encode.js");
    this.worker.onmessage = ({ data }) => this.send(data);
    this.worker.onerror = () => this.encodeHere();
    this.start();
  }

  end(reason) {
    this.link?.end();
    this.link = null;
    this.worker?.terminate();
    this.worker = null;
    this.heads.clear();
    sessionStorage.removeItem(MEMORY);
    for (const track of this.stream?.getTracks() ?? []) track.stop();
    this.say(reason);
  }

  // Frames as they are taken where the browser hands them out, else as the video shows them.
  async start() {
    const [track] = this.stream.getVideoTracks();
    if (window.MediaStreamTrackProcessor && window.VideoFrame?.prototype.metadata) {
      this.read(new MediaStreamTrackProcessor({ track, maxBufferSize: 1 }).readable.getReader());
    } else {
      this.video.srcObject = this.stream;
      await this.video.play();
      this.next();
    }
  }

  async read(reader) {
    for (;;) {
      const { done, value } = await reader.read();
      if (done || !this.isOn) {
        value?.close();
        return;
      }
      const { displayWidth: width, displayHeight: height } = value;
      const takenMs = value.metadata().captureTime ?? performance.now();
      if (this.hasRoom) this.encode(value, width, height, takenMs);
      else value.close();
    }
  }

  next() {
    if (!this.isOn) return;
    const take = async (takenMs) => {
      this.next();
      const { videoWidth: width, videoHeight: height } = this.video;
      if (!width || !this.hasRoom) return;
      this.encode(await createImageBitmap(this.video), width, height, takenMs);
    };
    if (this.video.requestVideoFrameCallback) {
      this.video.requestVideoFrameCallback((now, about) => take(about.captureTime ?? now));
    } else {
      setTimeout(() => take(performance.now()), 33);
    }
  }

  // Whether the run is not behind: the newest picture is what counts.
  get hasRoom() {
    const isOpen = this.link?.socket.readyState === WebSocket.OPEN;
    return isOpen && this.clock.isKnown && this.onTheWay < MOST_ON_THE_WAY;
  }

  // Browsers whose workers cannot draw: pictures become JPEG on the page.
  encodeHere() {
    if (!this.isOn) return;
    this.worker?.terminate();
    this.worker = null;
    for (const number of [...this.heads.keys()]) this.send({ number, jpeg: null });
  }

  encode(picture, width, height, takenMs) {
    if (!this.hasRoom) {
      picture.close();
      return; // it ended, or the connection was lost, while the picture was fetched
    }
    const head = new DataView(new ArrayBuffer(8));
    head.setFloat64(0, this.clock.unixS(takenMs), true);
    this.onTheWay += 1;
    this.number += 1;
    this.heads.set(this.number, { head: head.buffer, socket: this.link.socket });
    const { number } = this;
    const work = { number, picture, width, height, quality: QUALITY };
    if (this.worker) this.worker.postMessage(work, [picture]);
    else this.draw(work);
  }

  async draw({ number, picture, width, height, quality }) {
    const canvas = document.createElement("canvas");
    canvas.width = width;
    canvas.height = height;
    canvas.getContext("2d", { alpha: false }).drawImage(picture, 0, 0, width, height);
    picture.close();
    const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", quality));
    this.send({ number, jpeg: blob && (await blob.arrayBuffer()) });
  }

  send({ number, jpeg }) {
    if (!this.heads.has(number)) return; // it ended meanwhile
    const { head, socket } = this.heads.get(number);
    this.heads.delete(number);
    if (jpeg && socket.readyState === WebSocket.OPEN) {
      const both = new Uint8Array(head.byteLength + jpeg.byteLength);
      both.set(new Uint8Array(head));
      both.set(new Uint8Array(jpeg), head.byteLength);
      socket.send(both);
    } else if (socket === this.link?.socket) {
      this.onTheWay = Math.max(0, this.onTheWay - 1);
    }
  }
}
