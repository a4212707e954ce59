// Bundles the viewer, the editor and the layout alone into `static`; or another module: node build.mjs [ENTRY OUTFILE [FORMAT]]

import path from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const common = {
  bundle: true,
  target: "es2022",
  charset: "ascii",
  loader: { ".css": "text" },
  minifyWhitespace: true,
  minifySyntax: true,
  legalComments: "none",
  logLevel: "error",
};

/** `import source from "worker:./file.js"` gives the text of a script that holds that module and all it imports. */
const workers = {
  name: "workers",
  setup(builder) {
    builder.onResolve({ filter: /^worker:/ }, ({ path: wanted, resolveDir }) => ({
      path: path.join(resolveDir, wanted.slice("worker:".length)),
      namespace: "worker",
    }));
    builder.onLoad({ filter: /.*/, namespace: "worker" }, async ({ path: file }) => {
      const made = await build({ ...common, entryPoints: [file], format: "iife", write: false });
      return { contents: made.outputFiles[0].text, loader: "text" };
    });
  },
};

const here = path.dirname(fileURLToPath(import.meta.url));
const nodePaths = (process.env.NODE_PATH ?? "").split(path.delimiter).filter(Boolean);
const make = (entry, outfile, format) =>
  build({ ...common, entryPoints: [entry], outfile, format, nodePaths, plugins: [workers] });

const [entry, outfile, format = "esm"] = process.argv.slice(2);
if (entry) await make(entry, outfile, format);
else {
  await make(path.join(here, "src/main.js"), path.join(here, "static/graphtools.js"), "esm");
  await make(path.join(here, "src/editor/main.js"), path.join(here, "static/editor.js"), "esm");
  await make(path.join(here, "src/positions.js"), path.join(here, "static/positions.js"), "iife");
}
