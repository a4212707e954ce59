// The viewer's words in Korean, by their English.

export const KOREAN = /** @type {Record<string, string>} */ ({});
