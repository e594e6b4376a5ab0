/**
 * Sound files in memory, so that the next clip starts at once and a playing one doesn't depend on the server.
 *
 * Holds the last few that were asked for and gives the memory of others back.
 */
class ClipStore {
  constructor(limit = 6) {
    this.limit = limit;
    this.held = new Map(); // url → Promise of an object URL, least recently used first
    this.stop = new AbortController();
  }

  /** Promise of the object URL of a file; rejects where it can't be fetched. */
  get(url) {
    const found = this.held.get(url) ?? this.#fetched(url);
    this.held.delete(url);
    this.held.set(url, found);
    for (const old of [...this.held.keys()].slice(0, -this.limit)) this.#drop(old);
    return found;
  }

  /** Fetch ahead, in order; what can't be fetched is told when it is asked for. */
  preload(urls) {
    for (const url of urls.slice(0, this.limit - 1).reverse()) this.get(url).catch(() => {});
  }

  /** Give all memory back. */
  clear() {
    this.stop.abort();
    for (const url of [...this.held.keys()]) this.#drop(url);
  }

  async #fetched(url) {
    try {
      const answer = await fetch(mediaAddress(url), { signal: this.stop.signal });
      if (!answer.ok) throw new Error(`The server answered ${answer.status}.`);
      return URL.createObjectURL(await answer.blob());
    } catch (error) {
      this.held.delete(url);
      throw error;
    }
  }

  #drop(url) {
    const found = this.held.get(url);
    this.held.delete(url);
    found?.then(URL.revokeObjectURL).catch(() => {});
  }
}
