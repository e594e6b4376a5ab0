// The player as a component of its own: one for each place on a page, which is given one clip after the other.

const mounted = new WeakMap(); // where Streamlit put it → {player, shown, calls}

export default function (component) {
  const { data, parentElement, setStateValue } = component;
  const here = mounted.get(parentElement) ?? { calls: 0, shown: null };
  mounted.set(parentElement, here);
  here.calls += 1;
  here.report = () => {
    if (!data.report) return;
    const { url, heard, region } = here.player.state();
    const told = JSON.stringify({ url, heard: Math.round(heard * 1000) / 1000, region });
    if (told === here.told) return;
    here.told = told;
    setStateValue("listened", JSON.parse(told));
  };
  const report = () => here.report();
  here.player ??= new Player(parentElement, { key: data.key, height: data.height, onStop: report, onRegion: report });
  // called again for every change of theme or data; the same clip goes on playing
  const { next, report: _, ...clip } = data;
  const shown = JSON.stringify(clip);
  if (shown === here.shown) here.player.refresh();
  else here.player.load(clip);
  here.shown = shown;
  here.player.preload(next);
  const { calls } = here;
  // Streamlit also calls this for a call that a later one overtook
  return () => {
    if (here.calls !== calls) return;
    mounted.delete(parentElement);
    here.player.destroy();
  };
}
