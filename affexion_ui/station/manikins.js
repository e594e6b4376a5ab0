// Self-assessment manikins, after Bradley and Lang (1994), drawn anew: seven figures for each dimension.

const DIMENSIONS = {
  arousal: { name: "Arousal", low: "calm", high: "excited" },
  valence: { name: "Valence", low: "unpleasant", high: "pleasant" },
  dominance: { name: "Dominance", low: "submissive", high: "in control" },
};

function drawn(tag, attributes, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** Draw the figure of a dimension's value, 1 to 7. */
function manikin(dimension, value) {
  const share = (value - 1) / 6;
  const parts = [
    drawn("path", { d: "M7 46c0-12 6-18 17-18s17 6 17 18z" }),
    drawn("rect", { x: 14, y: 5, width: 20, height: 21, rx: 8 }),
    ...EYES[dimension === "arousal" ? "open" : "plain"](share),
    drawn("path", { d: mouth(dimension === "valence" ? 2 * share - 1 : 0), fill: "none" }),
  ];
  if (dimension === "arousal") parts.push(burst(share));
  const size = dimension === "dominance" ? 0.36 + 0.64 * share : 1;
  const figure = drawn("g", { transform: `translate(24 47) scale(${size}) translate(-24 -47)` }, ...parts);
  return drawn("svg", { viewBox: "0 0 48 50", "aria-hidden": "true", class: "manikin" }, figure);
}

const EYES = {
  plain: () => [20, 28].map((x) => drawn("circle", { cx: x, cy: 13.5, r: 1.3, class: "manikin-dot" })),
  // shut when calm, wide when excited
  open: (share) =>
    [20, 28].map((x) =>
      share < 0.15
        ? drawn("path", { d: `M${x - 2} 14h4` })
        : drawn("circle", { cx: x, cy: 13.5, r: 0.8 + 1.7 * share, class: share > 0.6 ? "" : "manikin-dot" }),
    ),
};

/** From a frown (-1) over a line (0) to a smile (1). */
function mouth(smile) {
  return `M19 ${20.5 - 1.5 * smile} Q24 ${20.5 + 4.5 * smile} 29 ${20.5 - 1.5 * smile}`;
}

/** What stirs within: a point when calm, rays when excited. */
function burst(share) {
  const points = [];
  for (let i = 0; i < 16; i += 1) {
    const radius = (i % 2 ? 0.55 : 1) * (1.2 + 7 * share);
    const angle = (Math.PI * i) / 8;
    points.push(`${(24 + radius * Math.sin(angle)).toFixed(2)},${(38 - radius * Math.cos(angle)).toFixed(2)}`);
  }
  return drawn("polygon", { points: points.join(" "), class: "manikin-burst" });
}
