// The fields of a form: each sends its value when it changes, and says below it why one was refused.

import { make } from "../dom.js";
import { t } from "./words.js";

/** @typedef {(value: any) => Promise<string>} Send gives why the value is refused, "" if it is taken */
/** @typedef {(control: HTMLElement, why: string) => void} Mark shows below a control why its value is refused; "" ends it */

/**
 * A control with its name. Escape takes back what was typed or refused; where there is nothing of it, it leaves.
 * @param {string} label
 * @param {string} title
 * @param {HTMLElement} control
 * @param {() => void} leave
 */
function labelled(label, title, control, leave) {
  const refusal = make("p", { class: "refused", id: `refused-${label}`, role: "alert", hidden: true });
  const mark = (/** @type {string} */ why) => {
    refusal.textContent = why;
    refusal.hidden = !why;
    if (why) control.setAttribute("aria-invalid", "true");
    else control.removeAttribute("aria-invalid");
    if (why) control.setAttribute("aria-describedby", refusal.id);
    else control.removeAttribute("aria-describedby");
  };
  const element = make("div", {}, make("label", { class: "field", title }, make("span", {}, label), control), refusal);
  control.addEventListener("keydown", (event) => {
    event.stopPropagation();
    if (event.key !== "Escape") return;
    event.preventDefault();
    const wasRefused = control.hasAttribute("aria-invalid");
    control.dispatchEvent(new Event("back"));
    mark("");
    if (!wasRefused) leave();
  });
  return { element, mark };
}

/** A text without a field. */
export function note(/** @type {string} */ label, /** @type {string} */ title, /** @type {string} */ text) {
  const shown = make("span", { class: "muted" }, text);
  return make("div", { class: "field", title }, make("span", {}, label), shown);
}

/**
 * @param {object} wanted
 * @param {string} wanted.name of the parameter
 * @param {string} [wanted.label] its name for people
 * @param {string} [wanted.title]
 * @param {string} wanted.value
 * @param {string} [wanted.hint] shown while it is empty
 * @param {boolean} [wanted.needed] marks it while it is empty
 * @param {string} [wanted.mode] the keyboard of a touch screen
 * @param {Send} wanted.send
 * @param {() => void} wanted.leave
 */
export function textField({ name, label = name, title = "", value, hint = "", needed, mode = "text", send, leave }) {
  const input = /** @type {HTMLInputElement} */ (
    make("input", { type: "text", placeholder: hint, spellcheck: "false", inputmode: mode, "data-field": name })
  );
  if (needed) input.classList.add("needed");
  if (needed) input.setAttribute("aria-required", "true");
  input.value = input.defaultValue = value;
  let [sent, kept] = [value, value]; // what was sent last, and what was taken last
  const { element, mark } = labelled(label, title, input, leave);
  const change = async () => {
    const text = input.value.trim();
    if (text === sent) return;
    sent = text;
    const why = await send(text);
    if (!why) kept = input.defaultValue = text;
    if (input.value.trim() === text) mark(why);
  };
  input.addEventListener("change", () => void change());
  input.addEventListener("input", () => mark(""));
  input.addEventListener("back", () => {
    if (sent !== kept || input.value.trim() !== sent) input.value = sent = kept;
  });
  input.addEventListener("keydown", (event) => {
    if (event.key === "Enter") void change();
  });
  return element;
}

/**
 * A choice, or by `choices` null a switch.
 * @param {object} wanted
 * @param {string} wanted.name
 * @param {string} [wanted.title]
 * @param {any} wanted.value
 * @param {string[] | null} wanted.choices
 * @param {Send} wanted.send
 * @param {() => void} wanted.leave
 */
export function choiceField({ name, title = "", value, choices, send, leave }) {
  const control = choices
    ? make("select", { "data-field": name }, ...choices.map((choice) => make("option", { value: choice }, choice)))
    : make("input", { type: "checkbox", "data-field": name });
  const { element, mark } = labelled(name, title, control, leave);
  if (control instanceof HTMLSelectElement) control.value = value === null ? "None" : String(value);
  else /** @type {HTMLInputElement} */ (control).checked = value === true;
  control.addEventListener("change", async () => {
    const chosen =
      control instanceof HTMLSelectElement ? control.value : /** @type {HTMLInputElement} */ (control).checked;
    mark(await send(chosen === "None" ? null : chosen));
  });
  return element;
}

/**
 * The field of a parameter of a node, by what Python says of it.
 * @param {any} parameter
 * @param {Send} send
 * @param {() => void} leave
 */
export function parameterField(parameter, send, leave) {
  const { name, control, none, value, set, required, type: title } = parameter;
  if (parameter.connected) return note(name, title, t("connected"));
  if (control === "switch" || control === "choice") {
    const choices = control === "choice" ? [...(none ? ["None"] : []), ...parameter.choices] : null;
    return choiceField({ name, title, value, choices, send, leave });
  }
  const text = set ? pythonText(value, control) : "";
  return textField({
    name,
    title,
    value: text,
    hint: required ? t("needed") : parameter.default,
    needed: required && text === "",
    mode: control === "integer" ? "numeric" : control === "number" ? "decimal" : "text",
    send: (given) => send(given === "" && !required ? parameter.default : given),
    leave,
  });
}

/** A value of a parameter as it is written. */
function pythonText(/** @type {any} */ value, /** @type {string} */ control) {
  if (value === null) return "None";
  if (value === true || value === false) return value ? "True" : "False";
  return control === "value" && typeof value === "string" ? value : String(value);
}
