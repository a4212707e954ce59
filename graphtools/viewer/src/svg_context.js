// As much of a canvas context as the drawing uses, that writes SVG instead of pixels.

/** The commands of the drawing as SVG elements. Positions are in the picture's own pixels; clips are not needed. */
export class SvgContext {
  constructor() {
    /** @type {string[]} */
    this.parts = [];
    /** @type {string[]} */
    this.path = [];
    /** @type {any[]} */
    this.saved = [];
    this.fillStyle = "#000";
    this.strokeStyle = "#000";
    this.lineWidth = 1;
    this.lineJoin = "miter";
    this.globalAlpha = 1;
    this.font = "10px sans-serif";
    this.textAlign = "left";
    this.textBaseline = "alphabetic";
    this.imageSmoothingEnabled = true;
    this.matrix = [1, 0, 0]; // scale, x, y
    this.at = [0, 0];
  }

  save() {
    this.saved.push([this.matrix.slice(), this.globalAlpha]);
  }

  restore() {
    [this.matrix, this.globalAlpha] = this.saved.pop() ?? [this.matrix, this.globalAlpha];
  }

  scale(/** @type {number} */ factor) {
    this.matrix[0] *= factor;
  }

  translate(/** @type {number} */ x, /** @type {number} */ y) {
    this.matrix[1] += x * this.matrix[0];
    this.matrix[2] += y * this.matrix[0];
  }

  point(/** @type {number} */ x, /** @type {number} */ y) {
    this.at = [x, y];
    const [scale, dx, dy] = this.matrix;
    return `${round(x * scale + dx)} ${round(y * scale + dy)}`;
  }

  beginPath() {
    this.path = [];
  }

  moveTo(/** @type {number} */ x, /** @type {number} */ y) {
    this.path.push(`M${this.point(x, y)}`);
  }

  lineTo(/** @type {number} */ x, /** @type {number} */ y) {
    this.path.push(`L${this.point(x, y)}`);
  }

  /** A rounded turn at (x1, y1) on the way to (x2, y2), for turns at right angles. */
  arcTo(
    /** @type {number} */ x1,
    /** @type {number} */ y1,
    /** @type {number} */ x2,
    /** @type {number} */ y2,
    /** @type {number} */ radius,
  ) {
    const [x0, y0] = this.at;
    const before = Math.hypot(x1 - x0, y1 - y0) || 1;
    const after = Math.hypot(x2 - x1, y2 - y1) || 1;
    const r = Math.min(radius, before, after);
    const end = /** @type {[number, number]} */ ([x1 + ((x2 - x1) / after) * r, y1 + ((y2 - y1) / after) * r]);
    this.lineTo(x1 + ((x0 - x1) / before) * r, y1 + ((y0 - y1) / before) * r);
    this.path.push(`Q${this.point(x1, y1)} ${this.point(...end)}`);
  }

  arc(/** @type {number} */ x, /** @type {number} */ y, /** @type {number} */ r) {
    const wide = round(r * this.matrix[0]);
    this.path.push(`M${this.point(x - r, y)}A${wide} ${wide} 0 1 0 ${this.point(x + r, y)}`);
    this.path.push(`A${wide} ${wide} 0 1 0 ${this.point(x - r, y)}Z`);
  }

  rect(/** @type {number} */ x, /** @type {number} */ y, /** @type {number} */ w, /** @type {number} */ h) {
    this.path.push(`M${this.point(x, y)}L${this.point(x + w, y)}L${this.point(x + w, y + h)}L${this.point(x, y + h)}Z`);
  }

  roundRect(
    /** @type {number} */ x,
    /** @type {number} */ y,
    /** @type {number} */ w,
    /** @type {number} */ h,
    /** @type {number | number[]} */ radii,
  ) {
    const [tl, tr, br, bl] = (Array.isArray(radii) ? radii : [radii, radii, radii, radii]).map((r) =>
      Math.min(r, w / 2, h / 2),
    );
    this.moveTo(x + tl, y);
    this.arcTo(x + w, y, x + w, y + h, tr);
    this.arcTo(x + w, y + h, x, y + h, br);
    this.arcTo(x, y + h, x, y, bl);
    this.arcTo(x, y, x + w, y, tl);
    this.path.push("Z");
  }

  fill() {
    this.add(`<path d="${this.path.join("")}" fill="${color(this.fillStyle)}"/>`);
  }

  stroke() {
    const width = round(this.lineWidth * this.matrix[0]);
    this.add(
      `<path d="${this.path.join("")}" fill="none" stroke="${color(this.strokeStyle)}" stroke-width="${width}" stroke-linejoin="round"/>`,
    );
  }

  fillRect(/** @type {number} */ x, /** @type {number} */ y, /** @type {number} */ w, /** @type {number} */ h) {
    const path = this.path;
    this.path = [];
    this.rect(x, y, w, h);
    this.fill();
    this.path = path;
  }

  fillText(/** @type {string} */ text, /** @type {number} */ x, /** @type {number} */ y) {
    const [left, top] = this.point(x, y).split(" ");
    const font = /^(\d+) ([\d.]+)px (.*)$/.exec(this.font);
    const [weight, size, family] = font ? font.slice(1) : ["400", "10", "sans-serif"];
    const anchor = this.textAlign === "right" ? "end" : "start";
    const middle = this.textBaseline === "middle" ? ' dominant-baseline="central"' : "";
    this.add(
      `<text x="${left}" y="${top}" font-family="${escape(family)}" font-size="${round(Number(size) * this.matrix[0])}" ` +
        `font-weight="${weight}" text-anchor="${anchor}"${middle} fill="${color(this.fillStyle)}">${escape(text)}</text>`,
    );
  }

  drawImage(
    /** @type {any} */ image,
    /** @type {number} */ x,
    /** @type {number} */ y,
    /** @type {number} */ w,
    /** @type {number} */ h,
  ) {
    const [left, top] = this.point(x, y).split(" ");
    const [width, height] = [w, h].map((size) => round(size * this.matrix[0]));
    const data = image.toDataURL("image/png");
    this.add(
      `<image x="${left}" y="${top}" width="${width}" height="${height}" preserveAspectRatio="none" ` +
        `style="image-rendering: pixelated" href="${data}"/>`,
    );
  }

  add(/** @type {string} */ element) {
    this.parts.push(this.globalAlpha < 1 ? `<g opacity="${round(this.globalAlpha)}">${element}</g>` : element);
  }

  toString(/** @type {number} */ width, /** @type {number} */ height) {
    const head = `<svg xmlns="http://www.w3.org/2000/svg" width="${round(width)}" height="${round(height)}"`;
    return `${head} viewBox="0 0 ${round(width)} ${round(height)}">${this.parts.join("\n")}</svg>\n`;
  }
}

function round(/** @type {number} */ value) {
  return Math.round(value * 100) / 100;
}

/** Eight digits of color are six and an opacity, which not every reader of SVG knows. */
function color(/** @type {string} */ value) {
  if (!/^#[0-9a-f]{8}$/i.test(value)) return value;
  return `${value.slice(0, 7)}" fill-opacity="${round(parseInt(value.slice(7), 16) / 255)}" stroke-opacity="${round(parseInt(value.slice(7), 16) / 255)}`;
}

function escape(/** @type {string} */ text) {
  return text
    .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f]/g, "\ufffd")
    .replace(/&/g, "&amp;")
    .replace(/</g, "&lt;")
    .replace(/>/g, "&gt;")
    .replace(/"/g, "&quot;");
}
