// Elements made of parts. Text is always a text node: a name from a model can hold anything, and must never be markup.

/**
 * An element with a class, attributes and children. A string child is text.
 * @param {string} tag
 * @param {Record<string, string | boolean | ((event: any) => void)>} attributes `class`, any attribute, or `onclick`, ...
 * @param {...(Node | string | null)} children
 * @returns {HTMLElement}
 */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false) element.setAttribute(name, value);
  }
  for (const child of children) if (child !== null) element.append(child);
  return element;
}

/** Does what can wait until the next frame is drawn. */
export function afterFrame(/** @type {() => void} */ work) {
  requestAnimationFrame(() => setTimeout(work));
}
