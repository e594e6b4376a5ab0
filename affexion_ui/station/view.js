/**
 * What is seen of the station, and what can be clicked: builds it once, then only changes what differs.
 *
 * Knows nothing of sound, server or queue; calls `does.<name>(…)`. Text from data goes into text nodes alone.
 */
class View {
  constructor(root, data, does, signal) {
    this.does = does;
    this.signal = signal;
    this.labels = data.scheme.labels;
    this.reasons = data.reasons;
    this.scales = scalesOf(data.settings);
    const { settings } = data;
    this.element = make("section", { class: "station", "aria-label": "Judge a clip", tabindex: "-1" });
    this.element.dataset.long = String(settings.dimensions.length > 0);
    this.sound = make("div", { class: "station-sound" });
    this.heard = make("div", { class: "station-heard" }, make("i"), make("span"));
    this.note = make("p", { class: "station-note", hidden: "" });
    this.spoken = make("p", { class: "station-spoken", role: "status", "aria-live": "polite" });
    this.blank = make("div", { class: "station-blank", hidden: "" }, make("strong"), make("p"));
    this.instructions = make("p", { class: "station-instructions" }, settings.instructions);
    this.instructions.hidden = !settings.instructions;
    this.desk = make("div", { class: "station-desk" });
    this.desk.append(this.#past(), this.sound, this.heard, this.#choices());
    // what stands beside a label comes below all answers; what every answer is to have, above
    const rest = [this.#actions(), this.#extras(settings)];
    this.desk.append(...(settings.dimensions.length ? rest.reverse() : rest));
    this.element.append(this.#top(), this.instructions, this.blank, this.desk, this.note, this.#history());
    this.element.append(this.spoken, this.#help(data));
    root.append(this.element);
    // after a click with the mouse the focus leaves the button, so that Space plays and Enter submits
    const settle = (event) => event.detail && event.target.closest?.("button") && this.rest();
    this.element.addEventListener("click", settle, { signal });
  }

  /** Put the focus where it is in nobody's way. */
  rest() {
    this.element.focus({ preventScroll: true });
  }

  destroy() {
    this.element.remove();
  }

  /** Make a button with its key on it. */
  #button(name, words, key, act, ...content) {
    const hint = key ? [make("kbd", { "aria-hidden": "true" }, key)] : [];
    const attributes = { type: "button", class: `station-button station-${name}` };
    const made = make("button", attributes, ...hint, ...content, make("span", {}, words));
    if (key) made.setAttribute("aria-keyshortcuts", key.replace("⇧", "Shift+").replace("Esc", "Escape"));
    made.addEventListener("click", act, { signal: this.signal });
    return made;
  }

  #top() {
    this.count = make("span", { class: "station-count" });
    this.bar = make("i");
    this.pace = make("span", { class: "station-pace" });
    this.saved = make("span", { class: "station-saved" });
    const words = "Choosing a label answers and goes on. Off: Submit, or Enter, does.";
    this.oneKey = this.#button("small", "Answer at once", "K", this.does.one_key);
    this.oneKey.title = words;
    this.helpButton = this.#button("small station-keys", "Keys", "?", this.does.help);
    const done = make("span", { class: "station-done" }, this.count, make("span", { class: "station-bar" }, this.bar));
    return make("header", { class: "station-top" }, done, this.pace, this.saved, this.oneKey, this.helpButton);
  }

  #past() {
    this.pastWords = make("span");
    const leave = this.#button("small", "Go on where I was", "Esc", this.does.leave);
    this.pastNote = make("div", { class: "station-past", hidden: "" }, this.pastWords, leave);
    return this.pastNote;
  }

  #choices() {
    this.labelButtons = this.labels.map(({ name, colour }, place) => {
      const key = place < 9 ? String(place + 1) : null;
      const act = () => this.does.label(place);
      const made = this.#button("label", name, key, act, make("i", { class: "station-swatch", "aria-hidden": "true" }));
      made.style.setProperty("--label", colour);
      made.append(make("em", {}));
      return made;
    });
    this.reasonButtons = this.reasons.map((reason, place) =>
      this.#button("label station-reason", reason, String(place + 1), () => this.does.reason(place)),
    );
    this.labelGrid = make("div", { class: "station-grid", role: "group", "aria-label": "Labels" });
    this.labelGrid.append(...this.labelButtons);
    const n = this.labels.length; // in rows of about one length
    this.labelGrid.style.setProperty("--columns", Math.ceil(n / Math.ceil(n / 5)));
    const title = make("p", { class: "station-why" }, "Why is it unclear? ", make("kbd", {}, "Esc"), " goes back");
    this.reasonGrid = make("div", { class: "station-grid station-reasons", role: "group", hidden: "" }, title);
    this.reasonGrid.setAttribute("aria-label", "Why it is unclear");
    this.reasonGrid.append(...this.reasonButtons);
    return make("div", { class: "station-choices" }, this.labelGrid, this.reasonGrid);
  }

  #extras(settings) {
    this.rows = {};
    this.extras = make("div", { class: "station-extras" });
    for (const [scale, row] of Object.entries(this.scales)) this.extras.append(this.#scale(scale, row));
    this.second = this.#button("second", "Second label", "⇧1–9", this.does.arm_second);
    if (settings.second_label) this.extras.append(this.second);
    const attributes = { rows: "1", "aria-label": "Comment", placeholder: "Comment", maxlength: "2000" };
    this.comment = make("textarea", attributes);
    this.commentBox = make("label", { class: "station-comment" }, make("kbd", {}, "M"), this.comment);
    if (settings.comment) this.extras.append(this.commentBox);
    return this.extras;
  }

  #scale(scale, { name, low, high, top, drawn }) {
    const key = name[0];
    const buttons = Array.from({ length: top }, (_, i) => {
      const words = `${name} ${i + 1} of ${top}${i ? (i + 1 === top ? `, ${high}` : "") : `, ${low}`}`;
      const attributes = { type: "button", class: "station-step", "aria-label": words, title: words };
      const made = make("button", attributes, ...(drawn ? [manikin(scale, i + 1)] : [String(i + 1)]));
      made.addEventListener("click", () => this.does.scale(scale, i + 1), { signal: this.signal });
      return made;
    });
    const head = this.#button("arm", name, key, () => this.does.arm(scale));
    const ends = [make("small", {}, low), make("small", {}, high)];
    const row = make("div", { class: `station-scale${drawn ? " station-drawn" : ""}`, role: "group" }, head);
    row.setAttribute("aria-label", name);
    row.append(make("span", { class: "station-steps" }, ends[0], ...buttons, ends[1]));
    this.rows[scale] = { row, buttons, head };
    return row;
  }

  #actions() {
    this.unclear = this.#button("action", "Unclear", "U", this.does.unclear);
    this.skip = this.#button("action", "Skip", "S", this.does.skip);
    this.back = this.#button("action", "Back", "B", this.does.back);
    this.submit = this.#button("action station-submit", "Submit", "Enter", this.does.submit);
    return make("div", { class: "station-actions" }, this.unclear, this.skip, this.back, this.submit);
  }

  #history() {
    this.recent = make("div", { class: "station-recent", role: "group", "aria-label": "Your last answers" });
    return this.recent;
  }

  #help(data) {
    this.help = make("dialog", { class: "station-help", "aria-label": "Keys" });
    const has = (need) => !need || data.settings[need] || data.settings.dimensions.includes(need);
    const rows = STATION_KEYS.filter((key) => has(key.needs));
    for (const group of new Set(rows.map((key) => key.group))) {
      const list = make("dl");
      for (const key of rows.filter((one) => one.group === group)) {
        list.append(make("dt", {}, make("kbd", {}, key.shown)), make("dd", {}, key.words));
      }
      this.help.append(make("h3", {}, group), list);
    }
    const close = this.#button("small", "Close", "Esc", () => this.help.close());
    this.help.append(close);
    const outside = (event) => event.target === this.help && this.help.close();
    this.help.addEventListener("click", outside, { signal: this.signal });
    return this.help;
  }

  toggleHelp() {
    if (this.help.open) this.help.close();
    else this.help.showModal();
  }

  /** Show the state of things; see `Station.state`. */
  paint(state) {
    const { form, mode, armed } = state;
    const answering = mode === "live" || mode === "past";
    this.element.dataset.mode = mode;
    this.element.dataset.clip = state.clip ?? "";
    this.element.dataset.armed = armed ?? "";
    this.desk.inert = !answering;
    this.desk.hidden = mode === "done";
    this.#paintBlank(state);
    this.#paintTop(state);
    this.pastNote.hidden = mode !== "past";
    setText(this.pastWords, state.pastWords ?? "");
    this.#paintLabels(form, armed, state.waiting);
    this.#paintScales(form, armed);
    this.unclear.setAttribute("aria-pressed", String(Boolean(form.unclear)));
    setText(this.unclear.lastChild, form.unclear ? `Unclear: ${form.unclear}` : "Unclear");
    this.skip.disabled = mode !== "live";
    this.back.disabled = !state.canGoBack;
    this.submit.disabled = !answering || !(form.label || form.unclear);
    setText(this.submit.lastChild, state.waiting ? "Sent when heard" : mode === "past" ? "Change" : "Submit");
    if (this.comment.value !== form.comment) this.comment.value = form.comment;
    this.#paintNote(state.note);
  }

  #paintBlank({ mode, blank }) {
    this.blank.hidden = mode === "live" || mode === "past";
    setText(this.blank.firstChild, blank?.[0] ?? "");
    setText(this.blank.lastChild, blank?.[1] ?? "");
  }

  #paintTop({ progress, saved, oneKey }) {
    const total = progress.done + progress.left;
    setText(this.count, total ? `${progress.done} of ${total}` : "");
    this.bar.style.width = total ? `${(100 * progress.done) / total}%` : "0";
    const pace = progress.seconds_median == null ? "" : ` · ${progress.seconds_median.toFixed(1)} s a clip`;
    setText(this.pace, `${progress.today} today${pace}`);
    this.saved.dataset.state = saved.state;
    setText(this.saved, saved.words);
    this.oneKey.setAttribute("aria-pressed", String(oneKey));
  }

  #paintLabels(form, armed, waiting) {
    this.labelGrid.hidden = armed === "unclear";
    this.reasonGrid.hidden = armed !== "unclear";
    this.labelButtons.forEach((made, place) => {
      const { name } = this.labels[place];
      const [first, second] = [form.label === name, form.second === name];
      made.setAttribute("aria-pressed", String(first || second));
      made.dataset.role = first ? "first" : second ? "second" : "";
      setText(made.lastChild, second ? "second" : first && waiting ? "waits" : "");
    });
    this.reasonButtons.forEach((made, place) => {
      made.setAttribute("aria-pressed", String(form.unclear === this.reasons[place]));
    });
    this.second.setAttribute("aria-pressed", String(armed === "second" || Boolean(form.second)));
  }

  #paintScales(form, armed) {
    for (const [scale, { row, buttons, head }] of Object.entries(this.rows)) {
      const value = scaleValue(form, scale);
      row.dataset.armed = String(armed === scale);
      head.setAttribute("aria-pressed", String(armed === scale));
      buttons.forEach((made, i) => made.setAttribute("aria-pressed", String(value === i + 1)));
    }
  }

  /** How much of the clip has been heard; `needed` null where it doesn't matter. */
  paintHeard(share, needed) {
    this.heard.hidden = needed == null;
    if (needed == null) return;
    const enough = share >= needed;
    this.heard.dataset.enough = String(enough);
    this.heard.firstChild.style.width = `${Math.min(100, (100 * share) / needed)}%`;
    setText(this.heard.lastChild, enough ? "Heard" : "Counts once heard to the end");
  }

  #paintNote(note) {
    this.note.hidden = !note;
    this.note.dataset.kind = note?.kind ?? "";
    const shown = `${note?.words}|${(note?.actions ?? []).map(([words]) => words)}`;
    if (!note || shown === this.noted) {
      if (!note) this.noted = null;
      return;
    }
    this.noted = shown;
    const actions = (note.actions ?? []).map(([words, act]) => this.#button("small", words, null, act));
    this.note.replaceChildren(make("span", {}, note.words), ...actions);
    this.note.setAttribute("role", note.kind === "bad" ? "alert" : "note");
  }

  /** Show the last answers as chips, newest first. */
  paintHistory(entries, looking) {
    const colours = new Map(this.labels.map(({ name, colour }) => [name, colour]));
    const chips = entries.slice(-8).map((entry) => {
      const place = entries.indexOf(entry);
      const swatch = make("i", { class: "station-swatch", "aria-hidden": "true" });
      if (entry.label) swatch.style.setProperty("--label", colours.get(entry.label) ?? "transparent");
      swatch.hidden = !entry.label;
      const words = answerWords(entry);
      const chip = make("button", { type: "button", class: "station-chip" }, swatch, make("span", {}, words));
      chip.dataset.state = entry.state;
      chip.setAttribute("aria-pressed", String(place === looking));
      chip.setAttribute("aria-label", `Change: ${words}, ${STATE_WORDS[entry.state]}`);
      chip.title = entry.words || `${words}, ${STATE_WORDS[entry.state]}. Click to listen again or change it.`;
      chip.addEventListener("click", () => this.does.look(place), { signal: this.signal });
      return chip;
    });
    const title = make("span", { class: "station-recent-title" }, "Last answers");
    this.recent.replaceChildren(...(chips.length ? [title, ...chips.reverse()] : []));
  }

  /** Tell a screen reader. */
  speak(words) {
    setText(this.spoken, words);
  }
}

const STATE_WORDS = { sending: "not saved yet", saved: "saved", refused: "refused" };

function setText(element, words) {
  if (element.textContent !== words) element.textContent = words;
}
