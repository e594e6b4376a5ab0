// What the station says about itself, in words and for the eye; see `View.paint`.

const STARTING = ["Loading the first clip …", ""];
const LOADING = ["Loading the next clip …", "Your answers are on their way."];

/** Describe the station as it is now. */
function stateOf(station) {
  const { shown, looking, armed, waiting, oneKey, post, history, data } = station;
  const mode = !shown ? modeWithout(station) : shown.entry ? "past" : "live";
  return {
    mode,
    armed,
    waiting,
    oneKey,
    clip: shown?.clip,
    form: shown?.form ?? formOf(),
    blank: { starting: STARTING, loading: LOADING, done: doneWords(station) }[mode],
    canGoBack: history.entries.length > 0 && looking !== 0,
    pastWords: shown?.entry && `You said “${answerWords(shown.entry)}”. Choose again to change it.`,
    progress: data.progress,
    saved: post.saved(),
    note: noteOf(station),
  };
}

/** Why no clip is on screen. */
function modeWithout({ stamp, post, outbox, data }) {
  if (!stamp) return "starting";
  const busy = post.flying || outbox.waiting().length || post.trouble || data.partial;
  return busy && data.open ? "loading" : "done";
}

function doneWords({ data, history }) {
  if (!data.open) return ["This project is closed", "An owner can open it again. What you answered is kept."];
  const back = history.entries.length ? " B goes back to your last answers." : "";
  return ["Nothing is waiting for you", `Every clip has its judgements or is with somebody else just now.${back}`];
}

/** The one thing to be said below the clip: trouble first, then what to do, then a hint. */
function noteOf(station) {
  const { outbox, post, shown, sounds, player, hint } = station;
  const trouble = post.troubleWords();
  if (trouble) return { kind: "bad", words: trouble, actions: [["Try now", () => post.hurry()]] };
  const refused = [...outbox.refused.values()];
  if (refused.length) {
    const again = ["Try again", () => station.retry()];
    const drop = ["Discard", () => station.discard()];
    return { kind: "bad", words: `Not saved: ${refused.at(-1)}`, actions: [again, drop] };
  }
  const { name } = player.state();
  if (shown && (sounds.get(shown.clip)?.problem || name === "broken")) {
    return { kind: "", words: "This clip can't be played. Press S to skip it." };
  }
  if (shown && name === "blocked") return { kind: "", words: "Press Space to hear the clip." };
  return hint ? { kind: "", words: hint } : null;
}
