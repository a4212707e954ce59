// Reads payloads from standard input, one a line; prints what is wrong with the picture of each, as one JSON array a line.

import { createInterface } from "node:readline";
import { countVisible, fold } from "../../graphtools/viewer/src/fold.js";
import { estimateWidth } from "../../graphtools/viewer/src/measure.js";
import { readPayload } from "../../graphtools/viewer/src/model.js";
import { buildScene } from "../../graphtools/viewer/src/scene.js";
import { buildTree } from "../../graphtools/viewer/src/tree.js";
import { openSet } from "../js/build.mjs";
import { faults } from "../js/faults.mjs";

const MOST_BOXES = 3000; // to look at larger ones takes minutes

function draw(payload, open) {
  const model = readPayload(payload);
  const tree = buildTree(model);
  const set = openSet(tree, open);
  if (countVisible(tree, set) > MOST_BOXES) return null;
  const visible = fold(model, tree, set);
  return { model, tree, visible, scene: buildScene(model, tree, visible, estimateWidth) };
}

for await (const line of createInterface({ input: process.stdin })) {
  const payload = JSON.parse(line);
  const found = [];
  let drawn = 0;
  for (const open of ["first", "all"]) {
    const [picture, again] = [draw(payload, open), draw(payload, open)];
    if (!picture) continue;
    drawn++;
    found.push(...faults(picture).map((fault) => `${open}: ${fault}`));
    const places = ({ scene }) => JSON.stringify([scene.boxes, scene.lines, scene.labels]);
    if (places(picture) !== places(again)) found.push(`${open}: a second layout differs`);
  }
  console.log(JSON.stringify({ drawn, found: found.slice(0, 20) }));
}
