// The station as a component: one for each project and person, which lives as long as it is on the page.
//
// What the server says of each answer comes by another component (courier.js) in a part of the page that runs again by
// itself, so that this script isn't sent with every answer.

const standing = new WeakMap(); // where Streamlit put it → {station, calls}

export default function (component) {
  const { data, parentElement } = component;
  const here = standing.get(parentElement) ?? { calls: 0 };
  standing.set(parentElement, here);
  here.calls += 1;
  const channel = ((window.affexionStations ??= {})[data.key] ??= {});
  if (here.station) {
    here.station.player.refresh(); // the theme has changed
  } else {
    here.station = new Station(parentElement, data);
    here.station.post.send = (mail) => channel.send?.(mail);
    channel.receive = (said) => here.station.receive(said);
    if (channel.said) channel.receive(channel.said);
    else if (channel.send) here.station.post.flush(true);
  }
  // Streamlit also calls this for a call that a later one overtook
  const { calls } = here;
  return () => {
    if (here.calls !== calls) return;
    standing.delete(parentElement);
    delete channel.receive;
    delete channel.said; // old by the time somebody comes back to the page
    here.station.destroy();
  };
}
