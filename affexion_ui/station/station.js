const HEARD = 0.9;
const ASK_EVERY = 60_000; // ms between two looks at whether a clip has come up, and renewals of what is held
const IDLE = 8 * 60_000; // without a key or click for so long, clips go back to the others

/** The labelling station: one clip on screen, what is said of it, the clips that come next, and the last answers. */
class Station {
  constructor(root, data) {
    this.data = { open: true, tasks: [], progress: { done: 0, left: 0, today: 0, seconds_median: null }, ...data };
    this.end = new AbortController();
    const place = `${data.workspace}/${data.project}/${data.rater}`;
    this.drafts = new Drafts(place);
    this.outbox = new Outbox(place);
    this.post = new Post(this.outbox, () => this.paint());
    this.post.have = () => [...this.sounds.keys()];
    this.memory = `affexion/${place}/one-key`;
    const simple = !data.settings.dimensions.length && !data.settings.intensity;
    this.oneKey = readJson(localStorage, this.memory) ?? simple;
    this.sounds = new Map();
    this.upcoming = [];
    this.history = new History();
    this.shown = this.live = null;
    this.looking = null;
    this.armed = null;
    this.waiting = false;
    this.active = performance.now();
    const { signal } = this.end;
    this.view = new View(root, data, this.#orders(), signal);
    const onPlayed = (heard) => this.#played(heard);
    const height = data.settings.dimensions.length ? 64 : 96;
    this.player = new Player(this.view.sound, { key: "station", height, listens: false, onPlayed });
    this.#listen(signal);
    this.paint();
    // the link or list that led here would take Space and Enter
    requestAnimationFrame(() => this.view.rest());
  }

  destroy() {
    this.#keepDraft();
    this.end.abort();
    clearInterval(this.clock);
    this.post.destroy();
    this.player.destroy();
    this.view.destroy();
  }

  // ---- from the server

  /** Take what the server says; the same message again changes nothing. */
  receive(data) {
    if (data.stamp === this.stamp) return;
    this.stamp = data.stamp;
    this.data = { ...this.data, ...data };
    this.post.receive(data);
    this.history.note(data.receipts);
    this.hint = data.receipts.find(({ status, words }) => words && status !== "refused")?.words ?? this.hint;
    if (data.mail === null) this.sounds.clear(); // a new run of the page: what it doesn't name is served no more
    for (const [clip, sound] of Object.entries(data.sounds)) this.sounds.set(clip, sound);
    if (data.past && !this.history.entries.length) this.history.begin(data.past, this.outbox.answers.values());
    this.#takeTasks();
    if (!data.open && this.live) this.#close();
    if (this.#isGone()) this.#next();
    if (this.shown && !this.shown.loaded) this.#load(this.shown);
    if (!this.shown && this.upcoming.length) this.#next();
    this.post.flush(data.partial);
    this.paint();
    this.#forget();
  }

  #takeTasks() {
    const answered = this.outbox.clips();
    const fits = (clip) => !answered.has(clip) && clip !== this.live?.clip;
    this.upcoming = this.data.tasks.filter((clip) => fits(clip) && this.sounds.has(clip));
    const urls = this.upcoming.map((clip) => this.sounds.get(clip).url).filter(Boolean);
    this.player.preload(urls.slice(0, 4));
  }

  /** Whether the clip on screen was answered in another tab, or given to others, and nobody is at work on it here. */
  #isGone() {
    const { live } = this;
    if (!live || this.shown !== live || isTouched(live.form) || this.data.tasks.includes(live.clip)) return false;
    const idle = performance.now() - this.active > 5000 && !this.player.state().playing;
    return this.data.open && (document.visibilityState === "hidden" || idle);
  }

  /** Let go of sounds that nothing on the page leads to any more. */
  #forget() {
    const kept = new Set([...this.upcoming, this.live?.clip, this.shown?.clip, ...this.data.tasks]);
    for (const clip of [...this.sounds.keys()].slice(0, -24)) if (!kept.has(clip)) this.sounds.delete(clip);
  }

  // ---- which clip is on screen

  #next() {
    const clip = this.data.open ? this.upcoming.shift() : undefined;
    this.live = clip ? this.#viewOf(clip, this.drafts.read(clip)) : null;
    this.looking = null;
    this.#show(this.live);
    if (!clip) this.post.flush(true);
  }

  /** The project was closed: what is chosen stays as a draft. */
  #close() {
    const past = this.shown?.entry;
    if (!past) this.#show(null);
    this.live = null;
  }

  #viewOf(clip, found, entry = null) {
    return { clip, entry, form: formOf(found), spent: 0, heard: entry?.heard ?? 0, since: 0, loaded: false };
  }

  #show(view) {
    this.#leave();
    this.shown = view;
    this.armed = null;
    this.waiting = false;
    this.warned = false;
    this.hint = null;
    if (view) {
      view.since = performance.now();
      view.loaded = false;
      this.#load(view);
    } else this.player.pause();
    this.#paintHeard();
    this.paint();
  }

  #leave() {
    const view = this.shown;
    if (!view) return;
    view.spent += performance.now() - view.since;
    view.since = performance.now();
    if (view.loaded) view.heard = this.#heard();
    this.#keepDraft();
  }

  async #load(view) {
    const sound = this.sounds.get(view.clip);
    if (!sound) {
      this.post.wants.add(view.clip);
      this.player.pause();
      return this.post.flush();
    }
    view.loaded = true;
    view.silent = sound.silent;
    if (sound.problem) return this.player.pause();
    const autoplay = document.visibilityState === "visible";
    const ready = await this.player.load({ ...sound, peaks: peaksOf(sound), autoplay });
    if (this.shown !== view) return undefined;
    const { name } = this.player.state();
    // the server serves a sound no more after its page was drawn anew: ask for it again
    if (name === "missing" && (view.tries = (view.tries ?? 0) + 1) <= 3) {
      this.sounds.delete(view.clip);
      view.loaded = false;
      setTimeout(() => this.shown === view && this.#load(view), 300 * view.tries);
    }
    if (ready) setTimeout(() => this.shown === view && this.paint(), 150);
    return this.paint();
  }

  #heard() {
    return Math.max(this.shown?.heard ?? 0, this.shown?.loaded ? this.player.heard() : 0);
  }

  #enough() {
    return !this.data.settings.must_listen || this.shown.silent || this.#heard() >= HEARD;
  }

  #played() {
    this.#paintHeard();
    const { name } = this.player.state();
    if (name !== this.playing) this.paint(); // it may play at last
    this.playing = name;
    if (this.waiting && this.shown && this.#enough()) this.#answer();
  }

  // ---- what is said of it

  #orders() {
    const free = (act) => (...given) => {
      this.active = performance.now();
      const result = act(...given);
      this.paint();
      return result;
    };
    const orders = {
      label: (place) => this.#label(place),
      reason: (place) => this.#reason(place),
      second: (place) => this.#second(place),
      scale: (scale, value) => this.#change((form) => setScale(form, scale, value)),
      arm: (name) => this.#arm(name),
      arm_second: () => this.#arm("second"),
      unclear: () => this.#arm("unclear"),
      submit: () => this.#submit(),
      skip: () => this.#skip(),
      back: () => this.#back(),
      look: (place) => this.#look(place),
      leave: () => this.#return(),
      cancel: () => this.#cancel(),
      comment: () => this.shown && this.view.comment.focus(),
      replay: () => this.#replay(),
      one_key: () => this.#toggleOneKey(),
      help: () => this.view.toggleHelp(),
    };
    for (const name of Object.keys(scalesOf(this.data.settings))) orders[name] = () => this.#arm(name);
    return Object.fromEntries(Object.entries(orders).map(([name, act]) => [name, free(act)]));
  }

  #change(act) {
    if (!this.shown) return;
    act(this.shown.form);
    this.armed = null;
    this.hint = null;
    this.#keepDraft();
  }

  #label(place) {
    const label = this.data.scheme.labels[place]?.name;
    if (!this.shown || !label) return;
    if (this.armed === "second") return this.#second(place);
    this.#change((form) => {
      Object.assign(form, { label, unclear: null });
      if (form.second === label) form.second = null;
    });
    if (this.oneKey) this.#submit();
  }

  #second(place) {
    const label = this.data.scheme.labels[place]?.name;
    if (!this.shown || !label || !this.data.settings.second_label) return;
    if (label === this.shown.form.label) {
      this.hint = "The second label is to be another than the first.";
      return;
    }
    this.#change((form) => Object.assign(form, { second: form.second === label ? null : label, unclear: null }));
  }

  #reason(place) {
    const unclear = this.data.reasons[place];
    if (!this.shown || !unclear) return;
    this.#change((form) => Object.assign(form, { unclear, label: null, second: null }));
    if (this.oneKey) this.#submit();
  }

  #arm(name) {
    if (this.shown) this.armed = this.armed === name ? null : name;
  }

  #submit() {
    const { form } = this.shown ?? {};
    if (!form) return;
    if (!form.label && !form.unclear) {
      this.hint = "Choose a label first, or U for unclear.";
      return;
    }
    const missing = missingScales(form, this.data.settings);
    if (missing.length && !this.warned) {
      this.warned = true;
      const names = missing.map((name) => DIMENSIONS[name].name.toLowerCase()).join(" and ");
      this.hint = `Not set yet: ${names}. Enter once more submits without.`;
      return;
    }
    if (this.#enough()) return this.#answer();
    this.waiting = true;
    this.view.speak("Chosen. It is sent when you have heard the clip.");
    if (!this.player.state().playing) this.hint = "Press Space to hear the clip to its end; then your answer is sent.";
  }

  #answer() {
    const { shown } = this;
    const { entry, form } = shown;
    if (entry && !entry.skip && entry.state !== "refused" && sameForm(form, entry)) return this.#return();
    const replaces = !entry || entry.skip ? null : entry.state === "refused" ? entry.replaces : entry.id;
    this.#give(answerOf(form, { ...this.#spent(shown), replaces }), entry);
    if (entry) this.#return();
    else this.#next();
    this.view.speak(this.shown ? `${answerWords(form)}. Next clip.` : answerWords(form));
  }

  #skip() {
    if (!this.shown || this.shown.entry) return;
    this.#give(answerOf(this.shown.form, { ...this.#spent(this.shown), skip: true }));
    this.#next();
    this.view.speak("Skipped. Next clip.");
  }

  #spent(view) {
    const seconds = (view.spent + performance.now() - view.since) / 1000;
    return { clip: view.clip, seconds, heard: this.#heard() };
  }

  #give(answer, entry = null) {
    if (entry?.state === "refused") this.outbox.drop(entry.id);
    this.outbox.add(answer);
    this.drafts.drop(answer.clip_id);
    this.history.add(answer, entry);
    this.shown.given = true;
    this.post.flush();
  }

  #keepDraft() {
    const { shown } = this;
    if (!shown || shown.given || shown.entry) return;
    if (isTouched(shown.form)) this.drafts.keep(shown.clip, shown.form);
    else this.drafts.drop(shown.clip);
  }

  // ---- back and forth

  #back() {
    const { length } = this.history.entries;
    if (!length) return;
    const place = this.looking === null ? length - 1 : this.looking - 1;
    if (place < 0) this.hint = "This is the oldest of your last answers.";
    else this.#look(place);
  }

  #look(place) {
    const entry = this.history.entries[place];
    this.#show(this.#viewOf(entry.clip_id, entry, entry));
    this.looking = place;
  }

  #return() {
    if (this.looking === null) return;
    this.looking = null;
    if (this.live) this.#show(this.live);
    else this.#next();
  }

  #cancel() {
    if (this.armed) this.armed = null;
    else if (this.waiting) this.waiting = false;
    else if (this.looking !== null) this.#return();
    else if (this.shown) this.#change((form) => Object.assign(form, { label: null, second: null, unclear: null }));
    this.hint = null;
  }

  #replay() {
    if (!this.shown?.loaded) return;
    this.player.seek(0);
    this.player.play();
  }

  #toggleOneKey() {
    this.oneKey = !this.oneKey;
    writeJson(localStorage, this.memory, this.oneKey);
    this.view.speak(this.oneKey ? "Choosing a label answers at once." : "Enter submits.");
  }

  // ---- keys, clocks, other tabs

  #listen(signal) {
    const hear = (target, name, act, options = {}) => target.addEventListener(name, act, { signal, ...options });
    // before Streamlit, which takes R and C for itself
    hear(window, "keydown", (event) => takeKey(this, event), { capture: true });
    hear(this.view.comment, "input", () => this.#write());
    hear(this.view.comment, "keydown", (event) => this.#leaveComment(event));
    hear(window, "storage", (event) => event.key?.startsWith(this.outbox.prefix) && this.#takeTasks());
    hear(window, "online", () => this.post.hurry());
    hear(document, "visibilitychange", () => (this.#keepDraft(), this.#tick()));
    hear(window, "pagehide", () => this.#keepDraft());
    hear(this.view.element, "pointerdown", () => (this.active = performance.now()));
    this.clock = setInterval(() => this.#tick(), ASK_EVERY);
  }

  /** Hold on to the clips of somebody who is at work, and look for new ones where there were none. */
  #tick() {
    if (performance.now() - this.active < IDLE && document.visibilityState === "visible") this.post.flush(true);
  }

  #write() {
    this.active = performance.now();
    if (!this.shown) return;
    this.shown.form.comment = this.view.comment.value;
    this.#keepDraft();
  }

  #leaveComment(event) {
    if (event.isComposing || (event.key !== "Escape" && (event.key !== "Enter" || event.shiftKey))) return;
    event.preventDefault();
    event.stopPropagation();
    this.view.rest();
  }

  /** Send what was refused again. */
  retry() {
    this.outbox.retry();
    this.post.flush(true);
    this.paint();
  }

  /** Give up what was refused. */
  discard() {
    for (const id of [...this.outbox.refused.keys()]) this.outbox.drop(id);
    this.paint();
  }

  // ---- what is seen

  paint() {
    if (!this.view) return;
    this.view.paint(stateOf(this));
    this.view.paintHistory(this.history.entries, this.looking);
  }

  #paintHeard() {
    const needed = this.shown && this.data.settings.must_listen && !this.shown.silent ? HEARD : null;
    this.view.paintHeard(this.#heard(), needed);
  }
}
