// Where a picture starts: all of it if it can be read, its whole width if its titles can, else its top.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Camera } from "../../graphtools/viewer/src/camera.js";

function home(width, height) {
  const camera = new Camera(() => undefined);
  Object.assign(camera, { width: 730, height: 560 });
  Object.assign(camera.covered, { right: 130, corner: 82 });
  camera.view = camera.home({ x: 0, y: 0, width, height });
  return camera;
}

test("a picture that is wide, but not too wide, starts with all of its width below what covers the corner", () => {
  const camera = home(1340, 860);
  assert.ok(camera.toScreen(0, 0).x >= 0 && camera.toScreen(1340, 0).x <= 730);
  assert.ok(camera.toScreen(0, 0).y >= 82);
});

test("a small picture starts whole, beside what covers the right; a huge one at a size that can be read", () => {
  const camera = home(500, 400);
  assert.ok(camera.toScreen(500, 0).x <= 600);
  assert.equal(home(9000, 9000).view.scale, 0.55);
});
