// The editor as an ES module for a host that carries questions to Python.

import { Editor } from "./editor.js";
import { questions } from "./questions.js";
import { setWords } from "./words.js";

/**
 * @typedef {object} MountOptions
 * @property {(question: {id: number, op: string, args: any}) => void} send carries a question to `graphtools.editor`;
 *   called again with the same one until it is answered
 * @property {() => void} run
 * @property {() => void} train
 * @property {string} [title] what files are called after; the model where there is none
 * @property {"light" | "dark"} [theme]
 * @property {Record<string, string>} [words] the editor's words in another language, by the English ones
 */

/** Shows the editor in an element. @param {HTMLElement} el @param {MountOptions} options */
export function mountEditor(el, { send, run, train, title = "", theme = "light", words }) {
  setWords(words);
  const asked = questions(send);
  const editor = new Editor(el, { ask: asked.ask, run, train, title }, theme);
  void editor.start();
  return {
    editor,
    answer: asked.answer,
    destroy: () => {
      asked.stop();
      editor.destroy();
    },
  };
}
