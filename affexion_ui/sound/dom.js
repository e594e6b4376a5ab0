// Small building blocks of the player. Text from data goes into text nodes and attributes alone, never into markup.

/** Make an element with attributes (null leaves one out) and children (elements or text). */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

/** Make an icon on a 24 × 24 grid, in the colour of the text around it. */
function icon(path) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  const shape = document.createElementNS(space, "path");
  shape.setAttribute("d", path);
  svg.append(shape);
  return svg;
}

const ICONS = {
  play: "M8 5.2v13.6c0 .8.9 1.3 1.6.8l10.2-6.8c.6-.4.6-1.2 0-1.6L9.6 4.4C8.9 3.9 8 4.4 8 5.2z",
  pause: "M7 5h3.4v14H7zM13.6 5H17v14h-3.4z",
  loop: "M7 7h10v3l4-4-4-4v3H5v6h2V7zm10 10H7v-3l-4 4 4 4v-3h12v-6h-2v4z",
  slower: "M5 11h14v2H5z",
  faster: "M5 11h6V5h2v6h6v2h-6v6h-2v-6H5z",
  close: "M6.4 5 12 10.6 17.6 5 19 6.4 13.4 12l5.6 5.6-1.4 1.4-5.6-5.6L6.4 19 5 17.6l5.6-5.6L5 6.4z",
};

/** Make a button with an icon or text, its name for screen readers, and its key on hover. */
function button(name, label, key, ...content) {
  const attributes = { type: "button", class: `sound-button sound-${name}`, "aria-label": label };
  return make("button", { ...attributes, title: key ? `${label} (${key})` : label }, ...content);
}

/** Write a time: "1.2 s" below a minute, "1:02" above. */
function clock(seconds, whole = seconds) {
  if (whole < 60) return seconds.toFixed(1);
  const rounded = Math.floor(seconds + 1e-6);
  return `${Math.floor(rounded / 60)}:${String(rounded % 60).padStart(2, "0")}`;
}

/** Keep a number between two others. */
function between(low, value, high) {
  return Math.min(Math.max(value, low), high);
}

/**
 * Address of a file in the server's media storage. The app may stand under a path of its host that the server doesn't
 * know of, so the way starts from where the page's own script came from.
 */
function mediaAddress(path) {
  const script = path.startsWith("/media/") && document.querySelector('script[src*="static/js/"]');
  return script ? new URL(`../../${path.slice(1)}`, script.src).href : path;
}
