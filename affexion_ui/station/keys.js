// From a key to what it does; the table of keys stands in keys.json.

/** Find the row of the table that an event asks for; digits by their place on the keyboard, letters by their name. */
function keyOf(event) {
  const { code, key, shiftKey } = event;
  const digit = /^Digit([1-9])$/.exec(code)?.[1] ?? (/^[1-9]$/.test(key) ? key : null);
  // on a keyboard of other letters, by their place too
  const letter = /^[a-z]$/i.test(key) ? key : key.length === 1 && /^Key([A-Z])$/.exec(code)?.[1];
  const plain = digit ?? (letter ? letter.toLowerCase() : key === " " ? "Space" : key);
  const name = shiftKey && (digit || plain.startsWith("Arrow")) ? `Shift+${plain}` : plain;
  const row = STATION_KEYS.find((one) => one.keys.includes(name));
  return row && { id: row.id, place: digit ? Number(digit) - 1 : 0 };
}

/** Do what a key of the page asks the station for, where it is the station's to take. */
function takeKey(station, event) {
  const { view, player } = station;
  const asked = keyOf(event);
  if (!asked || !mayTake(event, view.element) || isBehindDialog(view.help)) return;
  if (asked.id === "player") {
    station.active = performance.now();
    if (station.shown && !view.help.open) player.handleKey(event);
    return;
  }
  if (view.help.open && asked.id !== "help") return;
  if (asked.id === "cancel" && player.handleKey(event)) return; // a selection in the picture goes first
  event.preventDefault();
  event.stopImmediatePropagation(); // Streamlit takes R and C for itself
  if (!event.repeat) pressed(station, asked);
}

function pressed({ view, data, armed }, { id, place }) {
  const scale = scalesOf(data.settings)[armed];
  if (id === "label" && armed === "unclear") view.does.reason(place);
  else if (id !== "label" || !scale) view.does[id]?.(place);
  else if (place < scale.top) view.does.scale(armed, place + 1);
}

/** Whether a dialog, menu or list of the page is open, which takes the keys then. */
function isBehindDialog(own) {
  const open = document.querySelectorAll("[role='dialog'], [role='alertdialog'], [role='menu'], dialog[open]");
  return [...open].some((one) => one !== own && one.checkVisibility());
}
