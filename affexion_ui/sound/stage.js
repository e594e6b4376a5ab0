/**
 * What one looks at and points to: waveform, spectrogram, playhead, selected region, and seconds below.
 *
 * Knows nothing of sound. Calls `onSeek(seconds)` after a click and `onSelect({start, end} or null)` after a drag
 * or a press of the selection's own button.
 */
class Stage {
  constructor(height, calls, signal) {
    this.calls = calls;
    this.peaks = [];
    this.duration = 0;
    this.rest = make("canvas", { class: "sound-rest", "aria-hidden": "true" });
    this.played = make("canvas", { class: "sound-played", "aria-hidden": "true" });
    this.strip = make("img", { class: "sound-strip", draggable: "false" });
    this.strip.alt = "Spectrogram from 0 to 8 kHz; yellow is loud";
    const scale = make("span", { class: "sound-scale", "aria-hidden": "true" }, "8 kHz");
    this.picture = make("div", { class: "sound-picture", hidden: "" }, this.strip, scale);
    this.mark = make("div", { class: "sound-region", hidden: "" });
    this.clear = button("clear", "Clear the selection", "Esc", icon(ICONS.close));
    this.span = make("span", { class: "sound-span" });
    this.head = make("div", { class: "sound-head" });
    const wave = make("div", { class: "sound-wave", style: `height: ${height}px` }, this.rest, this.played);
    const slider = { role: "slider", tabindex: "0", "aria-label": "Position in the clip", "aria-valuemin": "0" };
    this.field = make("div", { class: "sound-field", ...slider }, wave, this.picture, this.mark, this.head);
    this.axis = make("div", { class: "sound-axis", "aria-hidden": "true" });
    // beside the slider and not in it: a slider has no parts for screen readers
    this.element = make("div", { class: "sound-stage" }, this.field, this.clear, this.axis);
    this.#listen(signal);
  }

  /** Show another clip. */
  show({ peaks, duration, spectrogram }) {
    this.peaks = peaks;
    this.duration = duration;
    this.picture.hidden = !spectrogram;
    if (spectrogram) this.strip.src = mediaAddress(spectrogram);
    else this.strip.removeAttribute("src");
    this.field.setAttribute("aria-valuemax", duration.toFixed(2));
    this.select(null);
    this.draw();
  }

  /** Move the playhead; `spoken` also tells screen readers. */
  move(seconds, spoken = true) {
    this.field.style.setProperty("--at", this.duration ? between(0, seconds / this.duration, 1) : 0);
    if (!spoken) return;
    this.field.setAttribute("aria-valuenow", seconds.toFixed(2));
    this.field.setAttribute("aria-valuetext", `${seconds.toFixed(1)} of ${this.duration.toFixed(1)} seconds`);
  }

  /** Mark a region, or none. */
  select(region) {
    this.region = region;
    this.#mark(region);
  }

  #mark(region) {
    this.mark.hidden = this.clear.hidden = this.span.hidden = !region;
    if (region) this.#place(region);
    // seconds that the region's own would cover in part are left out
    const covered = region && this.span.getBoundingClientRect();
    for (const tick of this.axis.querySelectorAll(".sound-tick")) {
      const { left, right } = tick.getBoundingClientRect();
      const free = !covered || right < covered.left - 4 || left > covered.right + 4;
      tick.style.visibility = free ? "visible" : "hidden";
    }
  }

  #place(region) {
    const { duration } = this;
    this.element.style.setProperty("--from", region.start / duration);
    this.element.style.setProperty("--to", region.end / duration);
    this.span.textContent = `${clock(region.start, duration)}–${clock(region.end, duration)}`;
  }

  /** Draw waveform and seconds for the size, density and colours of now. */
  draw() {
    for (const canvas of [this.rest, this.played]) this.#paint(canvas);
    this.#label();
  }

  destroy() {
    this.sizes.disconnect();
    this.strip.removeAttribute("src");
    for (const canvas of [this.rest, this.played]) canvas.width = canvas.height = 0;
    this.element.remove();
  }

  #paint(canvas) {
    const density = window.devicePixelRatio || 1;
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    canvas.width = Math.round(width * density);
    canvas.height = Math.round(height * density);
    const columns = this.peaks.length / 2;
    if (!width || !columns) return;
    const pen = canvas.getContext("2d");
    pen.scale(density, density);
    pen.fillStyle = getComputedStyle(canvas).color;
    // quiet passages stay quiet beside loud ones, but every clip fills its height as far as three times its size
    const largest = this.peaks.reduce((most, peak) => Math.max(most, Math.abs(peak)), 1);
    const scale = Math.min(0.94 / largest, 3 / 127) * (height / 2);
    const [bar, step] = [2, 3];
    const bars = Math.max(1, Math.floor((width + step - bar) / step));
    for (let i = 0; i < bars; i += 1) {
      const [low, high] = this.#range(Math.floor((i * columns) / bars), Math.ceil(((i + 1) * columns) / bars));
      const [top, bottom] = [height / 2 - high * scale, height / 2 - low * scale];
      pen.beginPath();
      pen.roundRect((i * width) / bars, Math.min(top, height / 2 - 0.75), bar, Math.max(bottom - top, 1.5), 1);
      pen.fill();
    }
  }

  #range(first, last) {
    let [low, high] = [127, -127];
    for (let i = 2 * first; i < 2 * last; i += 2) {
      low = Math.min(low, this.peaks[i]);
      high = Math.max(high, this.peaks[i + 1]);
    }
    return [low, high];
  }

  #label() {
    const steps = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300];
    const room = this.field.clientWidth / 56 || 1;
    const step = steps.find((size) => this.duration / size <= room) ?? 600;
    const ticks = [];
    for (let i = 0; i * step <= this.duration && this.duration; i += 1) {
      const share = (i * step) / this.duration;
      const words = step < 1 && i ? (i * step).toFixed(1) : clock(i * step, this.duration).replace(/\.0$/, "");
      const side = i === 0 ? " sound-first" : share > 0.95 ? " sound-last" : "";
      ticks.push(make("span", { class: `sound-tick${side}`, style: `left: ${100 * share}%` }, i || this.duration >= 60 ? words : "0 s"));
    }
    this.axis.replaceChildren(...ticks, this.span);
    this.#mark(this.region);
  }

  #listen(signal) {
    this.sizes = new ResizeObserver(() => this.draw());
    this.sizes.observe(this.field);
    this.clear.addEventListener("click", () => this.calls.onSelect(null), { signal });
    let from = null;
    const seconds = (event) => {
      const box = this.field.getBoundingClientRect();
      return between(0, (event.clientX - box.left) / box.width, 1) * this.duration;
    };
    const span = (event) => {
      const to = seconds(event);
      return { start: Math.min(from.time, to), end: Math.max(from.time, to) };
    };
    const down = (event) => {
      if (event.button !== 0 || !this.duration) return;
      from = { x: event.clientX, time: seconds(event), drags: false };
      this.field.setPointerCapture(event.pointerId);
    };
    const drag = (event) => {
      if (!from) return;
      from.drags ||= Math.abs(event.clientX - from.x) > 4;
      if (from.drags) this.#mark(span(event));
    };
    const up = (event) => {
      if (!from) return;
      const region = from.drags ? span(event) : null;
      from = null;
      if (region) this.calls.onSelect(region);
      else this.calls.onSeek(seconds(event));
    };
    const cancel = () => {
      from = null;
      this.#mark(this.region);
    };
    this.field.addEventListener("pointerdown", down, { signal });
    this.field.addEventListener("pointermove", drag, { signal });
    this.field.addEventListener("pointerup", up, { signal });
    this.field.addEventListener("pointercancel", cancel, { signal });
  }
}
