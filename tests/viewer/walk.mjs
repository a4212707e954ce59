// Reads a graph, a run and moves from standard input; prints where the viewer's walk stands after each move.

import { readFileSync } from "node:fs";
import { readPayload } from "../../graphtools/viewer/src/model.js";
import { readRun } from "../../graphtools/viewer/src/run.js";
import { Walk } from "../../graphtools/viewer/src/walk.js";

const { payload, run, moves } = JSON.parse(readFileSync(0, "utf8"));
const walk = new Walk(readRun(run, readPayload(payload)));
const positions = moves.map(([move, ...args]) => {
  walk[move](...args);
  return walk.position;
});
console.log(JSON.stringify(positions));
