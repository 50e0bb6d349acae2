// Draws a frame and its people; sizes and colours are those of the program's own window.

const LEFT = [86, 180, 233];
const RIGHT = [230, 159, 0];
const CENTER = [235, 235, 235];
const SHADE = "rgb(25 25 25)";
const PATH_S = 2;
const JUMP = 60; // thicknesses of a path: no wrist is that quick
const SHARPEST = 3; // pixels of the canvas for one of the frame

function colour(side, other, score) {
  const rgb = side !== other ? CENTER : side === "left" ? LEFT : side === "right" ? RIGHT : CENTER;
  const share = 0.5 + 0.5 * Math.min(1, Math.max(0, score) / 0.7);
  return `rgb(${rgb.map((part) => Math.round(part * share)).join(" ")})`;
}

export class View {
  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
    this.trails = new Map(); // person and wrist to [time_s, x, y]
  }

  // Where a person's wrists have been; called for each frame, drawn or not.
  remember(frame) {
    const present = new Set();
    for (const person of frame.persons) {
      for (const point of person.keypoints) {
        if (!point.name.endsWith("_wrist")) continue;
        const key = `${person.id} ${point.name}`;
        present.add(key);
        const trail = this.trails.get(key) ?? [];
        if (trail.length && trail.at(-1)[0] > frame.time_s) trail.length = 0;
        if (point.x !== null) trail.push([frame.time_s, ...this.pixels(frame, point)]);
        while (trail.length && trail[0][0] < frame.time_s - PATH_S) trail.shift();
        this.trails.set(key, trail);
      }
    }
    for (const key of this.trails.keys()) if (!present.has(key)) this.trails.delete(key);
  }

  pixels(frame, point) {
    const [width, height] = frame.size_wh;
    if (frame.unit !== "share") return [point.x, point.y];
    return [point.x * width - 0.5, point.y * height - 0.5];
  }

  draw(frame, picture, { limbs, sides }, { isMirrored, hasPaths }) {
    const { canvas, context } = this;
    const [width, height] = frame.size_wh;
    // As fine as the screen: people are sharper than the picture.
    const wanted = (canvas.clientWidth * devicePixelRatio) / width;
    const scale = Math.min(Math.max(wanted, 1), SHARPEST);
    const size = [Math.round(width * scale), Math.round(height * scale)];
    if (canvas.width !== size[0] || canvas.height !== size[1]) [canvas.width, canvas.height] = size;
    context.setTransform(isMirrored ? -scale : scale, 0, 0, scale, isMirrored ? size[0] : 0, 0);
    context.fillStyle = "#101214";
    context.fillRect(0, 0, width, height);
    if (picture) context.drawImage(picture, 0, 0, width, height);
    context.translate(0.5, 0.5); // pixels have their centres at whole numbers
    context.lineCap = "round";
    const short = Math.min(width, height);
    if (hasPaths) this.drawPaths(Math.max(1.5, short / 240));
    for (const person of frame.persons) this.drawPerson(frame, person, { limbs, sides }, short);
  }

  drawPaths(thick) {
    const { context } = this;
    for (const [key, trail] of this.trails) {
      const rgb = key.includes("left") ? LEFT : RIGHT;
      for (let i = 1; i < trail.length; i++) {
        const [before, now] = [trail[i - 1], trail[i]];
        const far = Math.hypot(now[1] - before[1], now[2] - before[2]);
        if (now[0] - before[0] > 0.25 || far > JUMP * thick) continue;
        context.strokeStyle = `rgb(${rgb.join(" ")} / ${(0.75 * i) / trail.length})`;
        context.lineWidth = thick;
        context.beginPath();
        context.moveTo(before[1], before[2]);
        context.lineTo(now[1], now[2]);
        context.stroke();
      }
    }
  }

  drawPerson(frame, person, { limbs, sides }, short) {
    const { context } = this;
    const line = Math.max(1, Math.round(short / 180));
    const dot = Math.max(2, Math.round(short / 130));
    const points = person.keypoints;
    for (const [a, b] of limbs) {
      const [p, q] = [points[a], points[b]];
      if (p.x === null || q.x === null) continue;
      const isSure = p.state === "measured" && q.state === "measured";
      const score = isSure ? Math.min(p.score ?? 0, q.score ?? 0) : 0.25;
      context.strokeStyle = colour(sides[a], sides[b], score);
      context.lineWidth = isSure ? line : 1;
      context.beginPath();
      context.moveTo(...this.pixels(frame, p));
      context.lineTo(...this.pixels(frame, q));
      context.stroke();
    }
    for (const [k, point] of points.entries()) {
      if (point.x === null) continue;
      const isSure = point.state === "measured";
      context.beginPath();
      context.arc(...this.pixels(frame, point), dot, 0, 2 * Math.PI);
      context.fillStyle = colour(sides[k], sides[k], isSure ? (point.score ?? 0) : 0.4);
      context.strokeStyle = isSure ? SHADE : context.fillStyle;
      context.lineWidth = 1;
      if (isSure) context.fill();
      context.stroke();
    }
  }
}
