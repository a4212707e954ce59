// Shows the document that store.js holds. Questions go to Python together, and again until they are answered.

const host = (globalThis.graphtoolsHost ??= { shown: new Map(), waiting: new Set() });
const mounts = new WeakMap(); // Streamlit calls this again on every rerun; the viewer stays
const REPORT_MS = 700; // after the last step, Python is told where the viewer stands
const AGAIN_MS = 2500; // and again, if it has not heard
const MOST_TRIES = 4;

async function show(parent, wanted, report) {
  const state = mounts.get(parent) ?? { asked: new Map() };
  mounts.set(parent, state);
  state.wanted = wanted;
  state.report = report;
  for (const reply of wanted.replies) {
    state.asked.delete(reply.id);
    state.mounted?.answer(reply);
  }
  if (state.mounted && state.shown === key(wanted) && wanted.position !== state.mounted.position()) state.tell();
  if (state.busy) return;
  state.busy = true;
  try {
    while (state.shown !== key(state.wanted)) {
      const next = state.wanted;
      if (!(await ready(next.revision, state))) continue; // something else was asked for while the run was on its way
      await mountInto(parent, state, next);
      state.shown = key(next);
    }
  } finally {
    state.busy = false;
  }
}

function key(wanted) {
  return `${wanted.theme}\n${wanted.language}\n${wanted.revision}`;
}

async function ready(revision, state) {
  while (!host.viewer || !host.shown.has(revision)) {
    await new Promise((resolve) => {
      const wake = () => {
        host.waiting.delete(wake);
        resolve();
      };
      host.waiting.add(wake);
      setTimeout(wake, 100);
    });
    if (state.gone || state.wanted.revision !== revision) return false;
  }
  return true;
}

async function mountInto(parent, state, next) {
  const viewer = await host.viewer;
  // Streamlit may mount the component anew, where an element is inserted above: then the last one is taken over.
  const left = standing(state) ?? (host.current ? standing(host.current) : undefined);
  const same = left?.opened === next.opened ? left : undefined;
  close(state);
  host.current = state;
  const old = parent.querySelector(".graph-host");
  const el = old.cloneNode(false); // a fresh element: the viewer's shadow root stays on the old one
  old.replaceWith(el);
  const typed = viewer.keeper(next.keep);
  state.mounted = viewer.show(el, host.shown.get(next.revision), {
    send: (question) => ask(state, next.revision, question),
    edit: next.canEdit,
    expressions: next.canType,
    theme: next.theme,
    language: next.language,
    kept: typed.load(),
    arrangement: same?.arrangement,
    position: same?.position ?? next.position, // a branch stands where the original did
  });
  state.mounted.on("kept", typed.save);
  state.opened = next.opened;
  el.graphtools = state.mounted;
  state.tell = () => {
    el.dataset.position = state.mounted.position();
    sayPosition(state, next.revision, REPORT_MS, MOST_TRIES);
  };
  state.mounted.on("position", state.tell);
  if (state.mounted.position() === next.position) el.dataset.position = next.position;
  else state.tell();
  el.dataset.shown = next.revision;
  el.dataset.ready = "true";
}

// Said until it is heard: of triggers that come while Streamlit runs only some arrive.
function sayPosition(state, revision, pause, tries) {
  clearTimeout(state.telling);
  state.telling = setTimeout(() => {
    const position = state.mounted.position();
    if (state.gone || state.wanted.revision !== revision || state.wanted.position === position) return;
    state.report("moved", { revision, position });
    if (tries > 1) sayPosition(state, revision, AGAIN_MS, tries - 1);
  }, pause);
}

// Questions of the same moment go together: Streamlit joins triggers that come while it runs.
function ask(state, revision, question) {
  state.asked.set(question.id, question);
  clearTimeout(state.sending);
  state.sending = setTimeout(() => {
    if (!state.gone && state.asked.size) state.report("ask", { revision, questions: [...state.asked.values()] });
  }, 5);
}

// Where a viewer stands and what is open in it, also after it was closed.
function standing(state) {
  if (!state.mounted || state.gone) return state.left;
  return { opened: state.opened, position: state.mounted.position(), arrangement: state.mounted.arrangement() };
}

function close(state) {
  clearTimeout(state.telling);
  clearTimeout(state.sending);
  state.asked.clear();
  state.mounted?.destroy();
}

export default function ({ parentElement, data, setTriggerValue }) {
  if (!data) return;
  show(parentElement, data, setTriggerValue).catch((error) => {
    parentElement.querySelector(".graph-host").textContent = `The graph could not be shown: ${error.message}`;
  });
  return () => {
    const state = mounts.get(parentElement);
    if (!state) return;
    state.left = standing(state);
    state.gone = true;
    close(state);
    mounts.delete(parentElement);
  };
}
