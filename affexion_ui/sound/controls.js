/** The row below the picture: play, time, loop, speed and the list of keys; calls `does.<name>()`. */
class Controls {
  constructor(does, signal) {
    const on = (element, act) => {
      element.addEventListener("click", act, { signal });
      return element;
    };
    this.play = on(button("play", "Play", "Space"), does.toggle);
    this.time = make("span", { class: "sound-time" });
    const key = (name) => make("kbd", { "aria-hidden": "true" }, name);
    this.loop = on(button("loop", "Loop", "L", icon(ICONS.loop), key("L")), does.loop);
    this.slower = on(button("slower", "Slower", "<", key("<"), icon(ICONS.slower)), does.slower);
    this.rate = on(button("rate", "Speed 1. Back to normal", null), does.normal);
    this.faster = on(button("faster", "Faster", ">", icon(ICONS.faster), key(">")), does.faster);
    this.keys = on(button("keys", "Keys", "?", "?"), does.help);
    const speed = make("div", { class: "sound-speed", role: "group", "aria-label": "Speed" });
    speed.append(this.slower, this.rate, this.faster);
    this.bar = make("div", { class: "sound-bar" }, this.play, key("Space"), this.time, this.loop, speed, this.keys);
    this.words = make("span");
    this.again = on(make("button", { type: "button", class: "sound-button sound-again" }, "Try again"), does.again);
    this.note = make("p", { class: "sound-note", role: "status" }, this.words, this.again);
    this.help = make("dl", { class: "sound-help", hidden: "" });
    for (const [key, meaning] of KEYS) {
      this.help.append(make("dt", {}, make("kbd", {}, key)), make("dd", {}, meaning));
    }
    this.setPlaying(false);
    this.setLooping(false);
    this.setRate(1);
    this.say("");
  }

  setPlaying(playing) {
    const words = playing ? "Pause" : "Play";
    this.play.setAttribute("aria-label", words);
    this.play.title = `${words} (Space)`;
    this.play.replaceChildren(icon(playing ? ICONS.pause : ICONS.play));
  }

  setTime(seconds, duration) {
    const words = `${clock(seconds, duration)} / ${clock(duration)}${duration < 60 ? " s" : ""}`;
    if (this.time.textContent !== words) this.time.textContent = words;
  }

  setLooping(looping) {
    this.loop.setAttribute("aria-pressed", String(looping));
  }

  setRate(rate) {
    this.rate.replaceChildren(`${rate}×`);
    this.rate.setAttribute("aria-label", `Speed ${rate}. Back to normal`);
    this.rate.title = rate === 1 ? "Speed" : "Back to normal speed";
    this.slower.disabled = rate === SPEEDS[0];
    this.faster.disabled = rate === SPEEDS.at(-1);
  }

  /** Say something under the controls, or nothing; `again` offers another try. */
  say(words, again = false) {
    this.words.textContent = words;
    this.note.hidden = !words;
    this.again.hidden = !again;
  }

  toggleHelp() {
    this.help.hidden = !this.help.hidden;
    this.keys.setAttribute("aria-expanded", String(!this.help.hidden));
  }
}
