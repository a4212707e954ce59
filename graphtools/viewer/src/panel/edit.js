// Change one thing and see what follows: a value, its gradient, a parameter or the operation itself.

import { t, word } from "../language.js";
import { make } from "../dom.js";

/** @typedef {{row: number, name: string, parameter?: string, what: "value" | "gradient" | "operation", text: string}} Edit */

/** @typedef {Map<string, {of: string, text: string}>} Drafts */

const MOST_DRAFTS = 20;
const OF = {
  value: word("value of {name}"),
  gradient: word("gradient of {name}"),
  operation: word("operation of {name}"),
};
const EXAMPLES = {
  value: ["t * 0", "t.clamp(max=1)", "torch.randn_like(t)"],
  gradient: ["t * 0", "t * 10", "t.clamp(-1, 1)"],
  operation: ["torch.nn.functional.gelu", "torch.sigmoid", "lambda *args, **kwargs: args[0]"],
};

/**
 * @param {{row: number, name: string, parameters: string[], canGradient: boolean, canOperation: boolean}} at
 * @param {(edit: Edit) => Promise<void>} edit
 * @param {Drafts} drafts what was typed and not run, by the name of the node
 * @param {() => void} keep called when there is more to keep
 * @returns {HTMLElement[]}
 */
export function editBody(at, edit, drafts, keep) {
  const whats = ["value", ...(at.canGradient ? ["gradient"] : []), ...(at.canOperation ? ["operation"] : [])];
  const of = /** @type {HTMLSelectElement} */ (
    make(
      "select",
      { "aria-label": t("What to change") },
      ...whats.map((what) =>
        make("option", { value: what }, t(OF[/** @type {keyof typeof OF} */ (what)], { name: at.name })),
      ),
      ...at.parameters.map((name) => make("option", { value: `parameter ${name}` }, t("parameter {name}", { name }))),
    )
  );
  const text = /** @type {HTMLInputElement} */ (
    make("input", {
      type: "text",
      "aria-label": t("New value, in Python"),
      spellcheck: "false",
      autocomplete: "off",
      value: EXAMPLES.value[0],
    })
  );
  const draft = drafts.get(at.name);
  if (draft && [...of.options].some((option) => option.value === draft.of)) {
    of.value = draft.of;
    text.value = draft.text;
  }
  const note = () => {
    drafts.delete(at.name); // the one changed last is dropped last
    drafts.set(at.name, { of: of.value, text: text.value });
    if (drafts.size > MOST_DRAFTS) drafts.delete(/** @type {string} */ (drafts.keys().next().value));
    keep();
  };
  text.addEventListener("input", note);
  const examples = make("p", { class: "muted small" });
  const said = make("p", { class: "muted small", role: "status" });
  const what = () => /** @type {keyof typeof EXAMPLES} */ (of.value.startsWith("parameter") ? "value" : of.value);
  const offer = () => {
    const buttons = EXAMPLES[what()].flatMap((example) => [
      make("button", { type: "button", class: "plain link mono", onclick: () => fill(example) }, example),
      ", ",
    ]);
    examples.replaceChildren(`${t("For example")} `, ...buttons.slice(0, -1));
  };
  const fill = (/** @type {string} */ example) => {
    text.value = example;
    note();
  };
  of.addEventListener("change", () => {
    fill(EXAMPLES[what()][0]);
    offer();
  });
  offer();
  const button = /** @type {HTMLButtonElement} */ (
    make("button", { class: "primary", type: "submit" }, t("Run with this change"))
  );
  const form = make("form", { class: "edit" }, of, text, examples, button, said);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const parameter = of.value.startsWith("parameter ") ? of.value.slice("parameter ".length) : undefined;
    button.disabled = true;
    said.className = "muted small";
    said.textContent = t("Running the model again …");
    try {
      await edit({ row: at.row, name: at.name, parameter, what: what(), text: text.value });
      said.textContent = t("Done: the branch is shown.");
      drafts.delete(at.name);
      keep();
    } catch (error) {
      said.className = "warning bad-card";
      said.textContent = error instanceof Error ? error.message : String(error);
    } finally {
      button.disabled = false;
    }
  });
  return [
    make(
      "p",
      { class: "muted small" },
      t(
        "The program runs again with one thing changed, and the run that results is a branch; this one stays. In Python, t is what stands there now.",
      ),
    ),
    form,
  ];
}
