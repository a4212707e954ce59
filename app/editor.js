// The Streamlit host of the editor: mounts its ES module and carries its questions to Python and the replies back.

const host = (globalThis.graphtoolsHost ??= { shown: new Map(), waiting: new Set() });
const QUIET_MS = 2500; // a question on the way to another page would be answered there, where nothing can take it
const mounts = new WeakMap(); // Streamlit calls this again on every rerun; the editor stays

async function show(parent, wanted, report) {
  const state = mounts.get(parent) ?? { asked: new Map() };
  mounts.set(parent, state);
  state.wanted = wanted;
  state.report = report;
  for (const reply of wanted.replies) {
    state.asked.delete(reply.id);
    state.mounted?.answer(reply);
  }
  if (state.busy || state.shown === key(wanted)) return;
  state.busy = true;
  try {
    while (state.shown !== key(state.wanted)) await mountInto(parent, state, state.wanted);
  } finally {
    state.busy = false;
  }
}

function key(wanted) {
  return `${wanted.theme}\n${wanted.revision}\n${wanted.language}`;
}

// The editor, which editor_source.js holds, as soon as it has come.
async function source() {
  while (!host.editor) {
    await new Promise((resolve) => {
      const wake = () => {
        host.waiting.delete(wake);
        resolve();
      };
      host.waiting.add(wake);
    });
  }
  return host.editor;
}

async function mountInto(parent, state, next) {
  const { mountEditor } = await source();
  close(state);
  const old = parent.querySelector(".editor-host");
  const el = old.cloneNode(false); // a fresh element: the editor's shadow root stays on the old one
  old.replaceWith(el);
  const say = (what) => () => {
    state.quietUntil = Date.now() + QUIET_MS;
    state.report("wish", { revision: next.revision, what, at: Date.now() });
  };
  state.mounted = mountEditor(el, {
    theme: next.theme,
    words: next.words,
    send: (question) => ask(state, next.revision, question),
    run: say("run"),
    train: say("train"),
    title: next.title,
  });
  el.graphtools = state.mounted;
  el.dataset.shown = next.revision;
  el.dataset.ready = "true";
  state.shown = key(next);
}

// Questions of the same moment go together: Streamlit joins triggers that come while it runs.
function ask(state, revision, question) {
  state.asked.set(question.id, question);
  clearTimeout(state.sending);
  const quiet = (state.quietUntil ?? 0) - Date.now();
  state.sending = setTimeout(() => {
    if (!state.gone && state.asked.size) state.report("ask", { revision, questions: [...state.asked.values()] });
  }, Math.max(4, quiet));
}

function close(state) {
  clearTimeout(state.sending);
  state.asked.clear();
  state.mounted?.destroy();
}

export default function ({ parentElement, data, setTriggerValue }) {
  if (!data) return;
  show(parentElement, data, setTriggerValue).catch((error) => {
    parentElement.querySelector(".editor-host").textContent = `The editor could not be shown: ${error.message}`;
  });
  return () => {
    const state = mounts.get(parentElement);
    if (!state) return;
    state.gone = true;
    close(state);
    mounts.delete(parentElement);
  };
}
