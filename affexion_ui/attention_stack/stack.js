/** Spectrogram with attention, gradients below, and the player under them; a click anywhere goes to that moment. */
class AttentionStack {
  constructor(root) {
    this.end = new AbortController();
    const { signal } = this.end;
    this.image = make("img", { class: "attend-image", draggable: "false" });
    this.lines = sketch("attend-lines");
    this.name = make("span", { class: "attend-note attend-name" });
    this.top = make("span", { class: "attend-note attend-top" });
    this.one = make("span", { class: "attend-note attend-one" }, "1×");
    this.best = make("div", { class: "attend-best" });
    this.bestNote = make("span", { class: "attend-note attend-best-note" });
    this.unseenNote = make("span", { class: "attend-note" }, "not seen by the model");
    this.unseen = make("div", { class: "attend-unseen", hidden: "" }, this.unseenNote);
    this.picture = make("div", { class: "attend-picture" }, this.image, this.best, this.lines, this.unseen);
    this.picture.append(this.name, this.top, this.one, this.bestNote);
    this.slopes = sketch("attend-lines");
    this.slopesNote = make("span", { class: "attend-note attend-top" });
    this.below = make("div", { class: "attend-slopes", hidden: "" }, this.slopes, this.slopesNote);
    this.stack = make("div", { class: "attend-stack" }, this.picture, this.below);
    this.words = make("span");
    this.button = make("button", { type: "button", class: "attend-play" }, icon(ICONS.play), this.words, make("kbd", {}, "A"));
    const under = make("div", { class: "attend-player" });
    this.body = make("div", { class: "attend" }, this.stack, under, make("div", { class: "attend-bar" }, this.button));
    root.append(this.body);
    this.player = new Player(under, { key: "attention", height: 64 });
    this.button.addEventListener("click", () => this.playBest(), { signal });
    this.stack.addEventListener("click", (event) => this.#point(event), { signal });
    document.addEventListener("keydown", (event) => this.#key(event), { signal, capture: true });
    this.sizes = new ResizeObserver(() => this.#measure());
    this.sizes.observe(this.stack);
  }

  show(data) {
    this.data = data;
    this.player.key = data.key;
    const clip = { url: data.url, peaks: data.peaks, duration: data.duration, silent: data.silent };
    const shown = JSON.stringify(clip);
    if (shown === this.shown) this.player.refresh();
    else this.player.load(clip);
    this.shown = shown;
    this.body.style.setProperty("--wide", data.wide);
    this.#paint(data);
    this.#measure();
  }

  /** Play the most attended stretch once. */
  playBest() {
    const { start, end } = this.data.best;
    takeLead(this.player.host);
    this.player.select({ start, end });
    this.player.loop(false);
  }

  destroy() {
    this.end.abort();
    this.sizes.disconnect();
    this.player.destroy();
    this.body.remove();
  }

  #paint(data) {
    const { duration, hop, curve } = data;
    const share = (seconds) => `${(100 * seconds) / duration}%`;
    this.image.src = data.picture;
    this.image.alt = data.alt;
    this.image.toggleAttribute("data-rough", data.rough);
    // a column of the picture is a frame, centred on its moment
    Object.assign(this.image.style, { left: share(-hop / 2), width: share(hop * data.columns) });
    this.name.textContent = data.name;
    this.top.textContent = `${data.top.toFixed(1)}× even spread`;
    this.one.style.bottom = `${100 / data.top}%`;
    this.one.hidden = data.top > 12;
    const x = (i) => (1000 * i * hop) / duration;
    const y = (value) => 100 - (100 * Math.min(value, data.top)) / data.top;
    const line = trace(curve, x, y);
    const paths = [["attend-even", `M0 ${y(1)}H1000`], ["attend-casing", line], ["attend-curve", line]];
    if (data.low.length) paths.unshift(["attend-band", `${trace(data.high, x, y)}${trace(data.low, x, y, true)}Z`]);
    draw(this.lines, paths);
    const { start, end, words } = data.best;
    Object.assign(this.best.style, { left: share(start), width: share(end - start) });
    this.bestNote.textContent = words;
    this.words.textContent = data.button;
    this.unseen.hidden = data.seen >= duration - 0.02;
    this.unseen.style.left = share(data.seen);
    this.#slopes(data, x);
  }

  #slopes({ slopes }, x) {
    this.below.hidden = !slopes;
    if (!slopes) return;
    const y = (value) => 50 - (46 * value) / slopes.top;
    const side = (sign) => slopes.values.map((value) => (sign * value > 0 ? value : 0));
    const area = (values) => `${trace(values, x, y)}L${x(values.length - 1)} 50L0 50Z`;
    draw(this.slopes, [["attend-for", area(side(1))], ["attend-against", area(side(-1))], ["attend-zero", "M0 50H1000"]]);
    this.below.style.setProperty("--for", slopes.colour);
    this.slopesNote.textContent = slopes.words;
  }

  /** Place what hangs on sizes: how far up the playhead reaches, and the words over the best second. */
  #measure() {
    if (!this.data) return;
    this.body.style.setProperty("--above", `${this.stack.offsetHeight + 2}px`);
    const { best, duration } = this.data;
    const whole = this.picture.clientWidth;
    const wanted = (whole * best.start) / duration + 4;
    const most = whole - this.bestNote.offsetWidth - 4;
    this.bestNote.style.left = `${between(4, wanted, Math.max(most, 4))}px`;
    const over = this.bestNote.getBoundingClientRect();
    const top = this.top.getBoundingClientRect();
    this.bestNote.style.top = over.right > top.left - 4 ? `${top.height + 8}px` : "4px";
  }

  #point(event) {
    const box = this.stack.getBoundingClientRect();
    const time = between(0, (event.clientX - box.left) / box.width, 1) * this.data.duration;
    takeLead(this.player.host);
    const { region } = this.player.state();
    if (region && (time < region.start || time > region.end)) this.player.select(null);
    this.player.seek(time);
  }

  #key(event) {
    if (event.key.toLowerCase() !== "a" || event.shiftKey || event.repeat || event.defaultPrevented) return;
    if (!leads(this.player.host) || !mayTake(event, this.body)) return;
    event.preventDefault();
    this.playBest();
  }
}

/** Make an empty drawing that stretches over its place: 1000 wide, 100 high. */
function sketch(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  for (const [key, value] of [["class", name], ["viewBox", "0 0 1000 100"], ["preserveAspectRatio", "none"], ["aria-hidden", "true"]]) {
    svg.setAttribute(key, value);
  }
  return svg;
}

function draw(svg, paths) {
  svg.replaceChildren(
    ...paths.map(([name, way]) => {
      const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
      path.setAttribute("class", name);
      path.setAttribute("d", way);
      return path;
    }),
  );
}

/** A line through values; `back` runs from the last to the first and goes on where another ended. */
function trace(values, x, y, back = false) {
  const points = values.map((value, i) => `${x(i).toFixed(2)} ${y(value).toFixed(2)}`);
  if (back) points.reverse();
  return `${back ? "L" : "M"}${points.join("L")}`;
}

const stacks = new WeakMap(); // where Streamlit put it → {stack, calls}

export default function (component) {
  const { data, parentElement } = component;
  const here = stacks.get(parentElement) ?? { calls: 0 };
  stacks.set(parentElement, here);
  here.calls += 1;
  here.stack ??= new AttentionStack(parentElement);
  here.stack.show(data);
  const { calls } = here;
  // Streamlit also calls this for a call that a later one overtook
  return () => {
    if (here.calls !== calls) return;
    stacks.delete(parentElement);
    here.stack.destroy();
  };
}
