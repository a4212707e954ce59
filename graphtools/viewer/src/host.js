// Who answers the viewer's questions about tensors: what a page holds itself, or Python behind it.

/**
 * @typedef {object} Host
 * @property {(key: string) => Promise<any>} tensor numbers, histogram and pictures; see graphtools.summaries
 * @property {(key: string, index: number[], color: boolean) => Promise<any>} picture null if it is not at hand
 * @property {boolean} [holdsAll] it has no pictures but those that came with a tensor
 * @property {string} [silence] what is said where no answer comes for long
 * @property {(row: number, event: number) => Promise<any>} explain null if there is no explanation
 * @property {() => Promise<Record<string, any>>} metrics numbers by row for the overlays, and `nonfinite` events
 * @property {() => Promise<(any | null)[]>} thumbnails a small picture of each row
 * @property {((what: any) => Promise<any>) | null} edit null where nothing can be changed
 * @property {((texts: string[], position: number) => Promise<any>) | null} watch what expressions stand for; see
 *   graphtools.watching. null where there is no Python
 * @property {((condition: string) => Promise<any>) | null} where the events at which a condition holds
 */

/**
 * A host for a page that carries everything in itself.
 * @param {{tensors: Record<string, any>, metrics: any, thumbnails: any[], explanations: Record<string, any>}} data
 * @returns {Host}
 */
export function embeddedHost(data) {
  const lost = (/** @type {string} */ key) => ({ key, lost: "This file does not hold this tensor." });
  return {
    holdsAll: true,
    tensor: async (key) => data.tensors[key] ?? lost(key),
    picture: async (key, index) =>
      (data.tensors[key]?.pictures ?? []).find(
        (/** @type {any} */ picture) => String(picture.index) === String(index),
      ) ?? null,
    explain: async (row) => data.explanations?.[row] ?? null,
    metrics: async () => data.metrics ?? {},
    thumbnails: async () => data.thumbnails ?? [],
    edit: null,
    watch: null,
    where: null,
  };
}

let last = Date.now() * 1000;

/** A number that no other question has, also of a viewer that stood here before: its late answers must not be taken. */
function nextId() {
  return ++last;
}

/**
 * A host that sends each question with a number of its own, and again until it is answered.
 * @param {(question: {id: number, op: string, args: any}) => void} send
 * @param {{edit?: boolean, expressions?: boolean, silence?: string, resendMs?: number}} [options] whether values can be
 *   changed, and Python typed; by default Python can be where values can
 * @returns {{host: Host, answer: (reply: {id: number, result?: any, error?: string}) => void, stop: () => void}}
 */
export function remoteHost(send, { edit = false, expressions = edit, silence = "", resendMs = 4000 } = {}) {
  const open = /** @type {Map<number, {question: any, resolve: (x: any) => void, reject: (x: Error) => void}>} */ (
    new Map()
  );
  const ask = (/** @type {string} */ op, /** @type {any} */ args) =>
    new Promise((resolve, reject) => {
      const question = { id: nextId(), op, args };
      open.set(question.id, { question, resolve, reject });
      send(question);
    });
  const timer = setInterval(() => open.forEach(({ question }) => send(question)), resendMs);
  return {
    host: {
      silence,
      tensor: (key) => ask("tensor", { key }),
      picture: (key, index, color) => ask("picture", { key, index, color }),
      explain: (row, event) => ask("explain", { row, event }),
      metrics: () => ask("metrics", {}),
      thumbnails: () => ask("thumbnails", {}),
      edit: edit ? (what) => ask("edit", what) : null,
      watch: expressions ? (texts, position) => ask("watch", { texts, position }) : null,
      where: expressions ? (condition) => ask("where", { condition }) : null,
    },
    answer: ({ id, result, error }) => {
      const waiting = open.get(id);
      if (!waiting) return; // answered before
      open.delete(id);
      if (error) waiting.reject(new Error(error));
      else waiting.resolve(result);
    },
    stop: () => {
      clearInterval(timer);
      for (const { reject } of open.values()) reject(new Error("The viewer was closed."));
      open.clear();
    },
  };
}
