const SPEEDS = [0.5, 0.75, 1, 1.25, 1.5, 2];
const SHORTEST_REGION = 0.05; // s
const REPORTS_A_SECOND = 25;
const WORDS = {
  loading: "Loading the sound …",
  silent: "This clip is silent: there is nothing to hear.",
  blocked: "The browser plays no sound before a click or a key. Press Play.",
  missing: "The sound could not be fetched. Check the connection, then try again.",
  broken: "The browser can't play this sound. Reload the page; if that doesn't help, import the clip again.",
};

/**
 * Plays clips in an element: waveform and spectrogram, speed at the same pitch, loops, keys.
 *
 *     const player = new Player(root, { key: "station", onPlayed: (heard) => …, onRegion: (region) => … });
 *     await player.load({ url, peaks, duration, spectrogram, silent });   // false if another clip came first
 *     player.preload([url, …]);
 *     player.play(); player.pause(); player.heard(); player.state(); player.handleKey(event); player.destroy();
 *
 * Options: `key` names the player in the event "affexion:time" ({key, time, duration, playing}) that it sends to the
 * document for charts that follow the playhead; `height` of the waveform in pixels; `listens` (true) takes keys from
 * the whole page while this is the player last touched, or the first on the page; with false, pass events to
 * `handleKey`. `onPlayed(heard)` hears while and after playing which fraction of the clip has been played, `onRegion`
 * of the selected {start, end} in seconds or null, `onStop()` that playing paused or ended. Only one player of a page
 * plays at a time. Styles stand in player.css.
 */
class Player {
  constructor(root, { key = "", height = 96, listens = true, onPlayed, onRegion, onStop } = {}) {
    this.root = root;
    this.key = key;
    this.calls = { onPlayed, onRegion, onStop };
    this.clip = null;
    this.region = null;
    this.looping = false;
    this.rate = 1;
    this.turn = 0;
    this.painted = this.spoken = this.reported = 0;
    this.calm = matchMedia("(prefers-reduced-motion: reduce)");
    this.store = new ClipStore();
    this.end = new AbortController();
    this.audio = make("audio", { preload: "auto" });
    this.audio.preservesPitch = true;
    const { signal } = this.end;
    const calls = { onSeek: (time) => this.#point(time), onSelect: (region) => this.select(region) };
    this.stage = new Stage(height, calls, signal);
    this.controls = new Controls(this.#orders(), signal);
    this.body = make("div", { class: "sound" }, this.stage.element, this.controls.bar, this.controls.note);
    this.body.append(this.controls.help, this.audio);
    root.append(this.body);
    // what other players on the page, in other shadow trees and scripts, know of this one
    const tree = root.getRootNode();
    this.host = tree instanceof ShadowRoot ? tree.host : root;
    this.host.dataset.sound = "follows";
    this.#listen(signal, listens);
    this.#show("empty");
  }

  /**
   * Show a clip and get it ready.
   *
   * `peaks` are lowest and highest of each column in turn, -127 to 127; `duration` in seconds; `spectrogram` is the
   * address of a picture or null; with `autoplay` it starts by itself. Resolves to true once it can play; to false
   * where it can't, or another clip was loaded first.
   */
  async load({ url, peaks, duration, spectrogram = null, silent = false, autoplay = false }) {
    const turn = (this.turn += 1);
    this.audio.pause();
    this.clip = { url, peaks, duration, spectrogram, silent, autoplay };
    this.wanted = autoplay;
    this.#region(null, true);
    this.stage.show(this.clip);
    this.#paint(0);
    this.#show("loading");
    try {
      const address = await this.store.get(url);
      if (turn !== this.turn) return false;
      this.audio.src = address;
      this.audio.defaultPlaybackRate = this.audio.playbackRate = this.rate;
      return await this.#ready(turn);
    } catch {
      if (turn === this.turn) this.#show("missing");
      return false;
    }
  }

  /** Fetch the sound of clips that come next. */
  preload(urls) {
    this.store.preload(urls);
  }

  /** Play, from the start where the end was reached; once the clip is ready, if it isn't yet. */
  play() {
    if (!this.clip) return;
    this.wanted = true;
    if (!this.#loaded()) return;
    const { start, end } = this.#bounds();
    const time = this.audio.currentTime;
    if (time < start - 0.01 || time >= end - 0.02) this.audio.currentTime = start;
    document.dispatchEvent(new CustomEvent("affexion:play", { detail: this.host }));
    // refused before the first click on a page, and cut short by a pause
    this.audio.play().catch((error) => error.name === "NotAllowedError" && this.#show("blocked"));
  }

  pause() {
    this.wanted = false;
    this.audio.pause();
  }

  /** Play if it is quiet, else pause. */
  toggle() {
    if (this.name === "missing" && this.clip) this.load({ ...this.clip, autoplay: true });
    else if (this.audio.paused && !(this.name === "loading" && this.wanted)) this.play();
    else this.pause();
  }

  /** Jump to a time in seconds; stays inside the region where there is one. */
  seek(time) {
    if (!this.#loaded()) return;
    const { start, end } = this.#bounds();
    this.audio.currentTime = between(start, time, end);
    this.#paint(this.audio.currentTime);
    this.#report();
  }

  /** Select a region and loop it, or clear it with null. */
  select(region) {
    const fits = region && region.end - region.start >= SHORTEST_REGION && this.#loaded();
    if (!fits && !this.region) return this.stage.select(null);
    this.#region(fits ? region : null);
    if (!fits) return;
    this.loop(true);
    this.audio.currentTime = region.start;
    this.play();
  }

  /** Loop the region, or the clip where none is selected. */
  loop(on) {
    this.looping = on;
    this.audio.loop = on && !this.region;
    this.controls.setLooping(on);
  }

  /** Set the speed, one of 0.5 to 2; the pitch stays. */
  speed(rate) {
    this.rate = this.audio.defaultPlaybackRate = this.audio.playbackRate = rate;
    this.controls.setRate(rate);
  }

  /** Fraction of the clip that has been played since it was loaded, each part counted once, 0 to 1. */
  heard() {
    const { played, duration } = this.audio;
    if (!(duration > 0) || !this.#loaded()) return 0;
    let total = 0;
    for (let i = 0; i < played.length; i += 1) total += played.end(i) - played.start(i);
    return between(0, total / duration, 1);
  }

  state() {
    const { currentTime: time, paused } = this.audio;
    const { url = null, duration = 0 } = this.clip ?? {};
    const { name, rate, looping, region } = this;
    return { name, url, time, duration, playing: !paused, rate, looping, region, heard: this.heard() };
  }

  /** Do what a key asks for; true if it was one of the player's. */
  handleKey(event) {
    if (!this.clip || !mayTake(event, this.root)) return false;
    const does = this.#action(event);
    if (!does) return false;
    event.preventDefault();
    event.stopPropagation();
    if (!event.repeat || event.key.startsWith("Arrow")) does();
    return true;
  }

  /** Draw again, after a change of colours that no resize came with. */
  refresh() {
    this.stage.draw();
  }

  /** Stop, and give back all that was held: listeners, memory, elements. */
  destroy() {
    this.turn += 1;
    this.end.abort();
    cancelAnimationFrame(this.frame);
    clearTimeout(this.patience);
    this.audio.pause();
    this.audio.removeAttribute("src");
    this.audio.load();
    this.store.clear();
    this.stage.destroy();
    this.body.remove();
    delete this.host.dataset.sound;
  }

  #orders() {
    return {
      toggle: () => this.toggle(),
      clear: () => this.select(null),
      loop: () => this.loop(!this.looping),
      slower: () => this.#shift(-1),
      normal: () => this.speed(1),
      faster: () => this.#shift(1),
      help: () => this.controls.toggleHelp(),
      again: () => this.load(this.clip),
    };
  }

  #action(event) {
    const does = this.#orders();
    const step = event.shiftKey ? 2 : 0.5;
    const onStage = event.composedPath()[0] === this.stage.field;
    const actions = {
      " ": does.toggle,
      l: does.loop,
      arrowleft: () => this.seek(this.audio.currentTime - step),
      arrowright: () => this.seek(this.audio.currentTime + step),
      home: onStage ? () => this.seek(0) : null,
      end: onStage ? () => this.seek(this.clip.duration) : null,
      "<": does.slower,
      ">": does.faster,
      "?": does.help,
      escape: this.region ? does.clear : this.controls.help.hidden ? null : does.help,
    };
    return actions[event.key.toLowerCase()] ?? null;
  }

  /** Say whether the sound in the browser's hands is the clip on screen. */
  #loaded() {
    return ["ready", "playing", "blocked"].includes(this.name);
  }

  #shift(places) {
    this.speed(SPEEDS[between(0, SPEEDS.indexOf(this.rate) + places, SPEEDS.length - 1)]);
  }

  /** Where playing starts and ends: the region, or the clip. */
  #bounds() {
    return this.region ?? { start: 0, end: this.audio.duration || this.clip.duration };
  }

  #region(region, quietly = false) {
    const had = this.region;
    this.region = region;
    this.stage.select(region);
    // a region loops; without it the clip does what it did before
    if (region && !had) this.loopedBefore = this.looping;
    if (!region && had) this.loop(this.loopedBefore);
    else this.loop(this.looping);
    if ((region || had) && !quietly) this.calls.onRegion?.(region);
  }

  /** A click on the picture; outside the region it ends the region. */
  #point(time) {
    if (this.region && (time < this.region.start || time > this.region.end)) this.#region(null);
    this.seek(time);
  }

  /** Wait until the browser can play what it was given. */
  #ready(turn) {
    return new Promise((resolve) => {
      const once = new AbortController();
      const done = (name) => {
        once.abort();
        const mine = turn === this.turn;
        if (mine) this.#show(name);
        if (mine && name === "ready" && this.wanted) this.play();
        resolve(mine && name === "ready");
      };
      this.audio.addEventListener("canplay", () => done("ready"), once);
      this.audio.addEventListener("error", () => done("broken"), once);
    });
  }

  /** Enter a state: empty, loading, ready, playing, blocked, missing, broken. */
  #show(name) {
    this.name = name;
    this.body.dataset.state = name;
    this.controls.play.disabled = name === "empty" || name === "broken";
    clearTimeout(this.patience);
    const say = () => this.controls.say(WORDS[name] ?? (this.clip?.silent ? WORDS.silent : ""), name === "missing");
    // most sounds are there at once; words that come and go would only flicker
    if (name === "loading") this.patience = setTimeout(say, 400);
    else say();
  }

  #listen(signal, listens) {
    const hear = (target, name, act, options = {}) => target.addEventListener(name, act, { signal, ...options });
    hear(this.audio, "play", () => this.#started());
    hear(this.audio, "pause", () => this.#stopped());
    hear(this.audio, "timeupdate", () => this.#advance());
    hear(this.audio, "seeked", () => {
      this.#paint(this.audio.currentTime);
      this.#report(this.audio.paused);
    });
    hear(this.root, "pointerdown", () => takeLead(this.host));
    hear(this.root, "focusin", () => takeLead(this.host));
    // a click with the mouse leaves the focus on the picture, so that Space plays next and doesn't press again
    hear(this.body, "mousedown", (event) => {
      event.preventDefault();
      this.stage.field.focus({ preventScroll: true, focusVisible: false });
    });
    hear(document, "affexion:play", (event) => event.detail !== this.host && this.pause());
    if (!listens) return;
    const take = (event) => !event.defaultPrevented && leads(this.host) && this.handleKey(event);
    hear(document, "keydown", take, { capture: true });
  }

  #started() {
    this.#show("playing");
    this.controls.setPlaying(true);
    cancelAnimationFrame(this.frame);
    const step = () => {
      this.#advance();
      this.frame = requestAnimationFrame(step);
    };
    step();
  }

  #stopped() {
    cancelAnimationFrame(this.frame);
    this.controls.setPlaying(false);
    if (this.name !== "playing") return;
    this.#show("ready");
    this.#paint(this.audio.currentTime);
    this.#report(true);
    this.calls.onStop?.();
  }

  /** Follow the sound: end of the region, playhead, reports. */
  #advance() {
    if (this.audio.paused) return;
    const { region } = this;
    if (region && this.audio.currentTime >= region.end) {
      if (this.looping) this.audio.currentTime = region.start;
      else this.pause();
    }
    this.#paint(this.audio.currentTime);
    this.#report();
  }

  #paint(time) {
    const now = performance.now();
    const { paused } = this.audio;
    if (!paused && this.calm.matches && now - this.painted < 250) return;
    this.painted = now;
    const spoken = paused || now - this.spoken > 1000;
    if (spoken) this.spoken = now;
    this.stage.move(time, spoken);
    this.controls.setTime(time, this.clip?.duration ?? 0);
  }

  #report(always = false) {
    const now = performance.now();
    if (!this.clip || (!always && now - this.reported < 1000 / REPORTS_A_SECOND)) return;
    this.reported = now;
    const { currentTime: time, paused } = this.audio;
    const detail = { key: this.key, time, duration: this.clip.duration, playing: !paused };
    document.dispatchEvent(new CustomEvent("affexion:time", { detail }));
    this.calls.onPlayed?.(this.heard());
  }
}
