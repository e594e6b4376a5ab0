// Draws what the page hands over several times a second. No state of its own but the elements.
const PARTS = `
  <div class="live-answer"><span class="live-label"></span><span class="live-note"></span></div>
  <div class="live-row"><span>Level</span>
    <div class="live-meter" role="meter" aria-label="Level" aria-valuemin="-60" aria-valuemax="0">
      <div class="live-bar"></div><div class="live-peak"></div></div>
    <span class="live-number"></span></div>
  <div><p class="live-title live-wave-title"></p><canvas class="live-wave" height="110" role="img"></canvas></div>
  <div><p class="live-title">Probability of each label over the last 30 s (dotted: where an answer becomes sure)</p>
    <canvas class="live-probs" height="190" role="img"></canvas></div>`;
const FULL_SCALES = [0.05, 0.1, 0.2, 0.5, 1];
const DASHES = [[], [7, 4], [2, 3], [9, 3, 2, 3]];

function begin(canvas, height) {
  const width = canvas.clientWidth || 600;
  const ratio = window.devicePixelRatio || 1;
  if (canvas.width !== Math.round(width * ratio)) canvas.width = Math.round(width * ratio);
  if (canvas.height !== Math.round(height * ratio)) canvas.height = Math.round(height * ratio);
  canvas.style.height = `${height}px`;
  const pen = canvas.getContext("2d");
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, width, height);
  pen.font = "12px sans-serif";
  return { pen, width, height };
}

function seconds({ pen, width, height }, ink, span, left, right) {
  pen.fillStyle = ink.muted;
  pen.textAlign = "center";
  for (let ago = 0; ago <= span; ago += span > 12 ? 10 : 2) {
    const x = left + (width - left - right) * (1 - ago / span);
    const align = ago === 0 ? "right" : ago === span ? "left" : "center";
    pen.textAlign = align;
    pen.fillText(ago === 0 ? "now" : `−${ago} s`, x, height - 3);
  }
}

function wave(canvas, data) {
  const board = begin(canvas, 110);
  const { pen, width } = board;
  const [top, bottom, span, left] = [2, 92, data.waveSeconds, 44];
  const middle = (top + bottom) / 2;
  const right = 8;
  const x = (time) => left + (width - left - right) * (1 - (data.time - time) / span);
  if (data.attention) {
    const { start, end, weights } = data.attention;
    const step = (end - start) / weights.length;
    pen.fillStyle = data.ink.mark;
    weights.forEach((weight, i) => {
      pen.globalAlpha = 0.38 * weight;
      const from = Math.max(left, x(start + i * step));
      pen.fillRect(from, top, Math.max(0, x(start + (i + 1) * step) - from + 0.5), bottom - top);
    });
    pen.globalAlpha = 1;
  }
  pen.strokeStyle = data.ink.grid;
  pen.beginPath(); pen.moveTo(left, middle); pen.lineTo(width - right, middle); pen.stroke();
  pen.fillStyle = data.ink.muted;
  pen.textAlign = "right";
  const loudest = data.peaks.reduce((most, [, values]) => values.reduce((m, v) => Math.max(m, Math.abs(v)), most), 0);
  const full = FULL_SCALES.find((value) => value >= loudest) ?? 1;
  const scale = (middle - top) / full;
  [[full, top + 9], [0, middle + 4], [-full, bottom]].forEach(([value, y]) => pen.fillText(String(value).replace("-", "−"), left - 6, y));
  pen.fillStyle = data.ink.text;
  data.peaks.forEach(([time, values], i) => {
    const before = i ? data.peaks[i - 1][0] : time - 0.25;
    const n = values.length / 2;
    for (let k = 0; k < n; k += 1) {
      const at = x(Math.max(before, time - 0.3) + ((time - Math.max(before, time - 0.3)) * (k + 0.5)) / n);
      if (at < left) continue;
      const high = middle - values[2 * k + 1] * scale;
      const low = middle - values[2 * k] * scale;
      pen.fillRect(at - 0.6, high, 1.4, Math.max(1, low - high));
    }
  });
  seconds(board, data.ink, span, left, right);
}

function spread(ys, gap, low, high) {
  const order = ys.map((_, i) => i).sort((a, b) => ys[a] - ys[b]);
  const placed = [...ys];
  order.forEach((i, k) => { if (k) placed[i] = Math.max(placed[i], placed[order[k - 1]] + gap); });
  const over = order.length ? placed[order[order.length - 1]] - high : 0;
  if (over > 0) for (let k = order.length - 1, limit = high; k >= 0; k -= 1, limit -= gap) placed[order[k]] = Math.max(low, Math.min(placed[order[k]], limit));
  return placed;
}

function probabilities(canvas, data) {
  const board = begin(canvas, 190);
  const { pen, width } = board;
  const [top, bottom, span, left] = [6, 168, 30, 44];
  const widest = data.labels.reduce((most, label) => Math.max(most, pen.measureText(`${label} 100 %`).width), 0);
  const right = Math.min(26 + widest, width * 0.5);
  const x = (time) => left + (width - left - right) * (1 - (data.time - time) / span);
  const y = (prob) => bottom - prob * (bottom - top);
  pen.strokeStyle = data.ink.grid;
  pen.fillStyle = data.ink.muted;
  [0, 0.5, 1].forEach((prob) => {
    pen.beginPath(); pen.moveTo(left, y(prob)); pen.lineTo(width - right, y(prob)); pen.stroke();
    pen.textAlign = "right";
    pen.fillText(`${prob * 100} %`, left - 6, y(prob) + 4);
  });
  pen.strokeStyle = data.ink.muted;
  pen.setLineDash([1, 4]);
  pen.beginPath(); pen.moveTo(left, y(data.threshold)); pen.lineTo(width - right, y(data.threshold)); pen.stroke();
  let newest = null;
  data.labels.forEach((label, i) => {
    pen.strokeStyle = data.colours[i];
    pen.lineWidth = 2;
    pen.setLineDash(DASHES[i % DASHES.length]);
    pen.beginPath();
    let open = false;
    data.readings.forEach(([time, probs]) => {
      if (!probs || x(time) < left) { open = false; return; }
      if (open) pen.lineTo(x(time), y(probs[i])); else pen.moveTo(x(time), y(probs[i]));
      open = true;
      newest = probs;
    });
    pen.stroke();
  });
  pen.setLineDash([]);
  pen.lineWidth = 1;
  if (newest) {
    const ys = spread(newest.map((prob) => y(prob) + 4), 15, top + 8, bottom);
    data.labels.forEach((label, i) => {
      pen.fillStyle = data.colours[i];
      pen.fillRect(width - right + 8, ys[i] - 9, 9, 9);
      pen.fillStyle = data.ink.text;
      pen.textAlign = "left";
      pen.fillText(`${label} ${Math.round(newest[i] * 100)} %`, width - right + 22, ys[i]);
    });
  }
  seconds(board, data.ink, span, left, right);
}

function answer(root, data) {
  const label = root.querySelector(".live-label");
  const note = root.querySelector(".live-note");
  const percent = data.prob === null ? "" : `${Math.round(data.prob * 100)} %`;
  const words = {
    waiting: ["–", ""],
    "no speech": ["No speech", "Speak, and the answer stands here."],
    unsure: ["Unsure", `most likely ${data.label}, ${percent}`],
    sure: [data.label, percent],
  }[data.state];
  label.textContent = words[0];
  note.textContent = words[1];
  const colour = data.colours[data.labels.indexOf(data.label)];
  label.style.borderLeftColor = data.state === "sure" ? colour : "transparent";
}

export default function ({ parentElement, data }) {
  let root = parentElement.querySelector(".live");
  if (!root) {
    root = document.createElement("div");
    root.className = "live";
    root.innerHTML = PARTS;
    parentElement.appendChild(root);
  }
  for (const [name, value] of Object.entries(data.ink)) root.style.setProperty(`--live-${name}`, value);
  Object.assign(root.dataset, { state: data.state, label: data.label ?? "", level: data.level ?? "", time: data.time });
  root.classList.toggle("live-clipped", data.clipping);
  answer(root, data);
  root.querySelector(".live-bar").style.width = `${100 * data.meter}%`;
  root.querySelector(".live-peak").style.left = `calc(${100 * data.peak}% - 1px)`;
  const meter = root.querySelector(".live-meter");
  meter.setAttribute("aria-valuenow", data.level ?? -60);
  const shown = data.level === null ? "silent" : `${data.level.toFixed(1).replace("-", "−")} dBFS`;
  root.querySelector(".live-number").textContent = data.state === "waiting" ? "–" : shown;
  root.querySelector(".live-wave-title").textContent = data.attention
    ? "Sound of the last 10 s; darker ground: what the answer is based on"
    : "Sound of the last 10 s";
  const said = data.readings.length ? data.readings[data.readings.length - 1][1] : null;
  root.querySelector(".live-wave").setAttribute("aria-label", `Waveform of the last 10 s, level ${shown}.`);
  root.querySelector(".live-probs").setAttribute(
    "aria-label",
    said ? data.labels.map((label, i) => `${label} ${Math.round(said[i] * 100)} %`).join(", ") : "No probabilities yet.",
  );
  wave(root.querySelector(".live-wave"), data);
  probabilities(root.querySelector(".live-probs"), data);
}
