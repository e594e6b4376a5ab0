/** A lane for each label with its segments, and the player under them; a click on a segment plays it once. */
class Lanes {
  constructor(root) {
    this.end = new AbortController();
    const { signal } = this.end;
    this.lanes = make("div", { class: "lanes-stack", role: "group" });
    this.axis = make("div", { class: "lanes-axis", "aria-hidden": "true" });
    const under = make("div", { class: "lanes-player" });
    this.body = make("div", { class: "lanes" }, this.lanes, this.axis, under);
    root.append(this.body);
    this.player = new Player(under, { key: "timeline", height: 64 });
    this.lanes.addEventListener("click", (event) => this.#point(event), { signal });
    this.sizes = new ResizeObserver(() => this.#measure());
    this.sizes.observe(this.lanes);
  }

  show(data, clicked) {
    this.data = data;
    this.clicked = clicked;
    this.player.key = data.key;
    const shown = JSON.stringify(data.sound);
    if (shown === this.shown) this.player.refresh();
    else this.player.load(data.sound);
    this.shown = shown;
    const drawn = JSON.stringify([data.segments, data.labels, data.colours]);
    if (drawn !== this.drawn) this.#draw();
    this.drawn = drawn;
    this.#mark(data.chosen);
    this.#measure();
  }

  destroy() {
    this.end.abort();
    this.sizes.disconnect();
    this.player.destroy();
    this.body.remove();
  }

  #draw() {
    const { segments, labels, colours, sound, alt } = this.data;
    const share = (seconds) => `${(100 * seconds) / sound.duration}%`;
    const lanes = labels.map((label) => make("div", { class: "lanes-lane" }, make("span", { class: "lanes-name" }, label)));
    this.bars = segments.map((segment, place) => {
      const bar = make("button", { type: "button", class: "lanes-bar", "aria-label": `Play ${segment.words}`, title: segment.words });
      bar.dataset.place = place;
      bar.classList.toggle("lanes-unsure", segment.unsure);
      Object.assign(bar.style, { left: share(segment.start), width: share(segment.end - segment.start) });
      bar.style.setProperty("--high", `${100 * segment.prob}%`);
      bar.style.setProperty("--colour", colours[segment.lane]);
      lanes[segment.lane].append(bar);
      return bar;
    });
    this.lanes.replaceChildren(...lanes);
    this.lanes.setAttribute("aria-label", alt);
  }

  #mark(place) {
    this.bars.forEach((bar, i) => bar.toggleAttribute("data-chosen", i === place));
  }

  /** Write the times below, and say how far up the playhead reaches. */
  #measure() {
    if (!this.data) return;
    const { sound, from } = this.data;
    const wide = this.lanes.clientWidth || 600;
    const step = [1, 2, 5, 10, 15, 30, 60].find((each) => (wide * each) / sound.duration > 60) ?? 120;
    const marks = [];
    for (let time = Math.ceil(from / step) * step; time <= from + sound.duration; time += step) {
      const left = (time - from) / sound.duration;
      if (left > 0.97) break;
      const mark = make("span", {}, `${Math.floor(time / 60)}:${String(Math.round(time % 60)).padStart(2, "0")}`);
      mark.style.left = `${100 * left}%`;
      marks.push(mark);
    }
    this.axis.replaceChildren(...marks);
    // the player's own axis counts from the part's start: the same times, in the first part
    this.axis.hidden = from === 0;
    this.body.style.setProperty("--above", `${this.lanes.offsetHeight + this.axis.offsetHeight}px`);
  }

  #point(event) {
    const bar = event.target.closest?.(".lanes-bar");
    takeLead(this.player.host);
    if (!bar) {
      const box = this.lanes.getBoundingClientRect();
      this.player.select(null);
      this.player.seek(between(0, (event.clientX - box.left) / box.width, 1) * this.data.sound.duration);
      return;
    }
    const place = Number(bar.dataset.place);
    const { start, end } = this.data.segments[place];
    this.player.select({ start, end });
    this.player.loop(false);
    this.#mark(place);
    this.clicked(place);
  }
}

const mountedLanes = new WeakMap(); // where Streamlit put it → {lanes, calls}

export default function (component) {
  const { data, parentElement, setTriggerValue } = component;
  const here = mountedLanes.get(parentElement) ?? { calls: 0 };
  mountedLanes.set(parentElement, here);
  here.calls += 1;
  here.lanes ??= new Lanes(parentElement);
  here.lanes.show(data, (place) => setTriggerValue("clicked", place));
  const { calls } = here;
  // Streamlit also calls this for a call that a later one overtook
  return () => {
    if (here.calls !== calls) return;
    mountedLanes.delete(parentElement);
    here.lanes.destroy();
  };
}
