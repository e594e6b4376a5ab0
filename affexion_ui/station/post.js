const PATIENCE = 4_000; // ms that a mail may stay without an answer
const LONGEST_PAUSE = 30_000;
const NO_ANSWER = "The server doesn't answer.";
const NO_STORE = "This browser keeps nothing for the page: a reload now would lose the answers that aren't saved yet.";

/**
 * Brings answers and questions to the server, one mail at a time, until each is answered for.
 *
 * `send(mail)` hands a mail over; what comes back goes to `receive`. Nothing is taken as saved because it was sent.
 */
class Post {
  constructor(outbox, changed) {
    this.outbox = outbox;
    this.changed = changed;
    this.wants = new Set(); // clips whose sound is asked for
    this.trouble = null; // why nothing is saved at the moment, in words
    this.send = () => {};
    this.have = () => [];
    this.pause = 0;
    this.lost = 0;
    this.flying = null;
  }

  /** Send what waits, if nothing is on its way; `always` sends even an empty mail, which asks for clips. */
  flush(always = false) {
    this.again ||= always;
    if (this.flying || this.resting) return;
    const answers = this.outbox.waiting().map(({ made: _, ...answer }) => answer);
    if (!answers.length && !this.wants.size && !this.again) return;
    this.again = false;
    this.flying = { id: newId() };
    this.timer = setTimeout(() => this.#lost(), PATIENCE);
    this.send({ id: this.flying.id, answers, want: [...this.wants], have: this.have() });
  }

  /** Take what the server says: `mail` names the mail it answers, `error` why it could save nothing. */
  receive({ mail, receipts, error, sounds }) {
    for (const clip of Object.keys(sounds)) this.wants.delete(clip);
    for (const { id, status, words } of receipts) {
      if (status === "refused") this.outbox.refuse(id, words);
      else {
        this.outbox.drop(id);
        this.everSaved = true;
      }
    }
    // a page drawn anew (null) has lost what was on its way, and is the first to tell of trouble
    if (mail !== null && mail !== this.flying?.id) return;
    clearTimeout(this.timer);
    this.flying = null;
    this.lost = 0;
    if (error) this.#rest(error);
    else this.#well();
  }

  /** What is to be told about saving: a state and words for it. */
  saved() {
    const waiting = this.outbox.waiting().length;
    if (this.trouble) return { state: "bad", words: waiting ? `${waiting} not saved` : "No connection" };
    if (this.outbox.refused.size) return { state: "bad", words: `${this.outbox.refused.size} refused` };
    if (waiting) return { state: "busy", words: "Saving …" };
    return this.everSaved ? { state: "good", words: "Saved" } : { state: "", words: "" };
  }

  /** Say why answers aren't saved, and what becomes of them; null if all is well. */
  troubleWords() {
    const kept = this.outbox.lasting ? "Your answers are kept in this browser and sent again." : NO_STORE;
    return this.trouble ? `Not saved yet. ${this.trouble} ${kept}` : this.outbox.lasting ? null : NO_STORE;
  }

  destroy() {
    clearTimeout(this.timer);
    clearTimeout(this.resting);
  }

  /** One mail may get lost or be long on its way; two in a row are trouble. */
  #lost() {
    this.flying = null;
    this.lost += 1;
    if (this.lost === 1) this.flush(true);
    else this.#rest(NO_ANSWER);
  }

  #rest(words) {
    clearTimeout(this.resting);
    this.trouble = words;
    this.pause = Math.min(LONGEST_PAUSE, Math.max(2000, 2 * this.pause));
    this.resting = setTimeout(() => {
      this.resting = null;
      this.flush(true);
    }, this.pause);
    this.changed();
  }

  #well() {
    clearTimeout(this.resting);
    this.resting = null;
    this.trouble = null;
    this.pause = 0;
  }

  /** Try now rather than later. */
  hurry() {
    clearTimeout(this.resting);
    this.resting = null;
    this.flush(true);
  }
}
