// Whose key it is: the page's fields and widgets come first, then the player last touched.

const KEYS = [
  ["Space", "play or pause"],
  ["L", "loop the clip, or the selection"],
  ["← →", "0.5 s back or on"],
  ["Shift ← →", "2 s back or on"],
  ["< >", "slower or faster, at the same pitch"],
  ["drag", "select a part, which then loops"],
  ["Esc", "clear the selection"],
];
const WRITES = "input, textarea, select, [contenteditable]:not([contenteditable='false']), [role='textbox']";
// What Space and Enter press, and in what the arrows move.
const PRESSED =
  "button, a[href], summary, audio, video, [role='button'], [role='tab'], [role='option'], [role='checkbox'], " +
  "[role='radio'], [role='switch'], [role='link'], [role='menuitem'], [role='combobox']";
const MOVED_IN =
  "[role='slider'], [role='grid'], canvas[tabindex], [role='listbox'], [role='radiogroup'], [role='tablist'], " +
  "[role='menu'], [role='tree'], [role='spinbutton'], audio, video";

/** Say whether a player with this root may take a key, from where the focus is. */
function mayTake(event, root) {
  const [target] = event.composedPath();
  if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return false;
  if (!(target instanceof Element) || target.closest(WRITES)) return false;
  if (event.key === " " || event.key === "Enter") return !target.closest(PRESSED);
  if (/^(Arrow|Home|End)/.test(event.key) && !root.contains(target)) return !target.closest(MOVED_IN);
  return true;
}

/** Say whether this player leads: the last one touched, or the first on the page; one behind a dialog never does. */
function leads(host) {
  const all = [...document.querySelectorAll("[data-sound]")].filter((one) => one.checkVisibility());
  const dialog = [...document.querySelectorAll("[aria-modal='true']")].find((one) => one.checkVisibility());
  const near = dialog ? all.filter((one) => dialog.contains(one)) : all;
  return host === (near.find((one) => one.dataset.sound === "leads") ?? near[0]);
}

/** Make this player the one that keys go to. */
function takeLead(host) {
  for (const other of document.querySelectorAll("[data-sound='leads']")) other.dataset.sound = "follows";
  host.dataset.sound = "leads";
}
