// What is said of a clip, before it is an answer: plain data and the rules for changing it.

const EMPTY_FORM = { label: null, second: null, unclear: null, confidence: null, intensity: null, comment: "" };

/** Make a form from an answer or a draft; values that aren't set are null, and never the middle of a scale. */
function formOf(found = {}) {
  const form = { ...EMPTY_FORM, dimensions: { ...(found.dimensions ?? {}) } };
  for (const name of Object.keys(EMPTY_FORM)) form[name] = found[name] ?? EMPTY_FORM[name];
  return form;
}

function sameForm(one, other) {
  return JSON.stringify(formOf(one)) === JSON.stringify(formOf(other));
}

/** Whether anything was chosen or written that would be a pity to lose. */
function isTouched(form) {
  return !sameForm(form, {});
}

/** What may be chosen in rows, by the name under which the keys know them. */
function scalesOf(settings) {
  const scales = {};
  if (settings.confidence) scales.confidence = { name: "Confidence", low: "guessing", high: "certain", top: 5 };
  if (settings.intensity) scales.intensity = { name: "Intensity", low: "weak", high: "strong", top: 5 };
  for (const name of settings.dimensions) scales[name] = { ...DIMENSIONS[name], top: 7, drawn: true };
  return scales;
}

/** Set a scale's value, or take it back where it was set to the same. */
function setScale(form, scale, value) {
  const held = scale in DIMENSIONS ? form.dimensions : form;
  if (held[scale] !== value) held[scale] = value;
  else if (scale in DIMENSIONS) delete held[scale];
  else held[scale] = null;
}

function scaleValue(form, scale) {
  return (scale in DIMENSIONS ? form.dimensions[scale] : form[scale]) ?? null;
}

/** Dimensions that the project asks for and the form doesn't say. */
function missingScales(form, settings) {
  return form.unclear ? [] : settings.dimensions.filter((name) => form.dimensions[name] == null);
}

/** Turn a form into the answer that the server takes. */
function answerOf(form, { clip, seconds, heard, replaces = null, skip = false }) {
  const said = skip ? formOf() : form;
  return {
    id: newId(),
    clip_id: clip,
    label: said.label,
    second: said.second,
    unclear: said.unclear,
    skip,
    confidence: said.confidence,
    intensity: said.intensity,
    dimensions: said.unclear ? {} : { ...said.dimensions },
    comment: said.comment.trim() || null,
    seconds: Math.round(seconds * 1000) / 1000,
    heard: Math.round(heard * 1000) / 1000,
    replaces,
  };
}

/** Say an answer in a word or two. */
function answerWords(answer) {
  if (answer.skip) return "skipped";
  if (answer.unclear) return `unclear: ${answer.unclear}`;
  return answer.second ? `${answer.label} + ${answer.second}` : String(answer.label);
}

/** Unpack the outline of a waveform: lowest and highest of each column in turn, -127 to 127. */
function peaksOf(sound) {
  return Array.from(Int8Array.from(atob(sound.peaks), (letter) => letter.charCodeAt(0)));
}
