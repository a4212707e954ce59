// What a person typed and set, kept by the browser over a reload of the page, as long as the tab is open.

/** @param {string} name what it belongs to */
export function keeper(name) {
  const key = `graphtools kept\n${name}`;
  return {
    /** What was kept; undefined for nothing, and where the browser keeps nothing, as in a frame without an origin. */
    load() {
      try {
        const text = sessionStorage.getItem(key);
        return text ? JSON.parse(text) : undefined;
      } catch {
        return undefined;
      }
    },
    save(/** @type {any} */ value) {
      try {
        sessionStorage.setItem(key, JSON.stringify(value));
      } catch {
        // It is forbidden here, or full: then it lasts as long as the page.
      }
    },
  };
}
