// Questions to Python: each has a number, and is sent again until it is answered.

const AGAIN_MS = 3000;
let last = Date.now() * 1000;

/** @param {(question: {id: number, op: string, args: any}) => void} send */
export function questions(send) {
  /** @type {Map<number, {question: any, resolve: (x: any) => void, reject: (x: Error) => void}>} */
  const open = new Map();
  const timer = setInterval(() => open.forEach(({ question }) => send(question)), AGAIN_MS);
  return {
    /** @returns {Promise<any>} */
    ask: (/** @type {string} */ op, /** @type {any} */ args) =>
      new Promise((resolve, reject) => {
        const id = ++last;
        const question = { id, op, args: op === "do" ? { ...args, id } : args };
        open.set(id, { question, resolve, reject });
        send(question);
      }),
    answer: (/** @type {{id: number, result?: any, error?: string}} */ { id, result, error }) => {
      const waiting = open.get(id);
      if (!waiting) return; // answered before
      open.delete(id);
      if (error) waiting.reject(new Error(error));
      else waiting.resolve(result);
    },
    stop: () => {
      clearInterval(timer);
      open.clear();
    },
  };
}
