/**
 * Answers on their way to the server, kept in this browser until the server says that they are on its disk.
 *
 * An answer stands under a key of its own in the browser's storage, so that tabs don't write over each other's; one
 * that was left behind by a closed tab is taken up and sent again, which is harmless: its id tells the server.
 */
class Outbox {
  constructor(place, storage = window.localStorage) {
    this.prefix = `affexion/${place}/answer/`;
    this.storage = storage;
    this.answers = new Map(); // id → answer, in the order given
    this.refused = new Map(); // id → why
    this.lasting = true; // whether answers outlive a reload
    const found = Object.keys(storage).filter((key) => key.startsWith(this.prefix));
    const left = found.map((key) => readJson(storage, key)).filter((answer) => answer?.id);
    left.sort((one, other) => (one.made ?? 0) - (other.made ?? 0));
    for (const answer of left) this.answers.set(answer.id, answer);
  }

  add(answer) {
    const kept = { ...answer, made: Date.now() };
    this.answers.set(answer.id, kept);
    this.lasting = writeJson(this.storage, this.prefix + answer.id, kept);
  }

  /** The server has it, or a person gave it up. */
  drop(id) {
    this.answers.delete(id);
    this.refused.delete(id);
    this.storage.removeItem(this.prefix + id);
  }

  refuse(id, words) {
    if (this.answers.has(id)) this.refused.set(id, words);
  }

  /** Send refused ones again. */
  retry() {
    this.refused.clear();
  }

  /** What is to be sent now, oldest first. */
  waiting(most = 50) {
    return [...this.answers.values()].filter((answer) => !this.refused.has(answer.id)).slice(0, most);
  }

  /** Clips with an answer that isn't saved yet, in this tab or another. */
  clips() {
    const keys = Object.keys(this.storage).filter((key) => key.startsWith(this.prefix));
    const others = keys.map((key) => readJson(this.storage, key)?.clip_id);
    return new Set([...others, ...[...this.answers.values()].map((answer) => answer.clip_id)]);
  }
}

/** Choices that are not submitted yet, by clip; they outlive a reload. */
class Drafts {
  constructor(place, storage = window.localStorage) {
    this.prefix = `affexion/${place}/draft/`;
    this.storage = storage;
    const old = Date.now() - 14 * 24 * 3600 * 1000;
    for (const key of Object.keys(storage).filter((name) => name.startsWith(this.prefix))) {
      if ((readJson(storage, key)?.made ?? 0) < old) storage.removeItem(key);
    }
  }

  read(clip) {
    const { made: _, ...form } = readJson(this.storage, this.prefix + clip) ?? {};
    return form;
  }

  keep(clip, form) {
    writeJson(this.storage, this.prefix + clip, { ...form, made: Date.now() });
  }

  drop(clip) {
    this.storage.removeItem(this.prefix + clip);
  }
}

function readJson(storage, key) {
  try {
    return JSON.parse(storage.getItem(key));
  } catch {
    return null; // written by something else
  }
}

/** Keep a value; false where the browser keeps nothing (full, or switched off). */
function writeJson(storage, key, value) {
  try {
    storage.setItem(key, JSON.stringify(value));
    return true;
  } catch {
    return false;
  }
}

/** A random id; randomUUID exists on encrypted pages and this machine's own alone. */
function newId() {
  if (crypto.randomUUID) return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}
