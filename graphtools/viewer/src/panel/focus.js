// Focus that stays where it was while what is around it is built anew.

/**
 * Changes what a container holds; if the focus was inside, it goes to the element that is now called the same.
 * @param {HTMLElement} container
 * @param {() => void} change
 */
export function keepingFocus(container, change) {
  const root = /** @type {ShadowRoot | Document} */ (container.getRootNode());
  const focused = root.activeElement;
  const label = focused && focused !== container && container.contains(focused) && focused.getAttribute("aria-label");
  change();
  if (!label) return;
  const same = [...container.querySelectorAll("[aria-label]")].find((one) => one.getAttribute("aria-label") === label);
  if (same instanceof HTMLElement) same.focus({ preventScroll: true });
}
