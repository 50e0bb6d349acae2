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
    this.onTheWay = 0;
    this.video = document.createElement("video");
    this.video.muted = this.video.playsInline = true;
    this.canvas = document.createElement("canvas");
    this.context = this.canvas.getContext("2d", { alpha: false });
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
      this.video.srcObject = await navigator.mediaDevices.getUserMedia({ video: SIZE });
      await this.video.play();
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
    for (const track of this.video.srcObject.getTracks()) {
      track.onended = () => this.end("The camera was taken away.");
    }
    this.next();
  }

  end(reason) {
    this.link?.end();
    this.link = null;
    sessionStorage.removeItem(MEMORY);
    for (const track of this.video.srcObject?.getTracks() ?? []) track.stop();
    this.say(reason);
  }

  next() {
    if (!this.isOn) return;
    if (this.video.requestVideoFrameCallback) {
      this.video.requestVideoFrameCallback((now, about) => this.take(about.captureTime ?? now));
    } else {
      setTimeout(() => this.take(performance.now()), 33);
    }
  }

  // Send what the video shows, unless the run is behind; the newest picture is what counts.
  take(capturedMs) {
    this.next();
    const socket = this.link?.socket;
    const { videoWidth: width, videoHeight: height } = this.video;
    const isBehind = this.onTheWay >= MOST_ON_THE_WAY || !this.clock.isKnown || !width;
    if (isBehind || socket?.readyState !== WebSocket.OPEN) return;
    this.onTheWay += 1;
    if (this.canvas.width !== width || this.canvas.height !== height) {
      this.canvas.width = width;
      this.canvas.height = height;
    }
    this.context.drawImage(this.video, 0, 0);
    const head = new DataView(new ArrayBuffer(8));
    head.setFloat64(0, this.clock.unixS(capturedMs), true);
    this.canvas.toBlob((jpeg) => socket.send(new Blob([head.buffer, jpeg])), "image/jpeg", QUALITY);
  }
}
