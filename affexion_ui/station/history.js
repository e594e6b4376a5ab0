const REMEMBERED = 20;

/** The rater's last answers, oldest first: what B goes back to, and what became of each. */
class History {
  constructor() {
    this.entries = []; // answers with `state` (sending, saved, refused) and `words`
  }

  /** Begin with what the server has, and what this browser still keeps. */
  begin(past, waiting) {
    this.entries = past.map((answer) => ({ ...answer, state: "saved" }));
    for (const answer of waiting) this.add(answer);
  }

  /** Add an answer; a correction takes the place of what it corrects. */
  add(answer, instead = null) {
    const entry = { ...answer, state: "sending" };
    const same = (one) => one === instead || one.id === answer.id || (answer.replaces && one.id === answer.replaces);
    const place = this.entries.findIndex(same);
    if (place >= 0) this.entries[place] = entry;
    else this.entries = [...this.entries, entry].slice(-REMEMBERED);
  }

  /** Note what became of answers. */
  note(receipts) {
    for (const { id, status, words } of receipts) {
      const entry = this.entries.find((one) => one.id === id);
      if (entry) Object.assign(entry, { state: status === "refused" ? "refused" : "saved", words });
    }
  }
}
