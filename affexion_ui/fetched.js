// Stands for a component whose script and style lie in the server's media storage: fetches them once a tab, and hands
// every call on to the script.

const scripts = new Map(); // address → script

/** The way starts from the page's own script, as for sounds: the server may not know its path on the host. */
function addressOf(path) {
  const own = document.querySelector('script[src*="static/js/"]');
  return own ? new URL(`../../${path.slice(1)}`, own.src).href : new URL(path, document.baseURI).href;
}

function show(script, component) {
  const place = component.parentElement;
  if (!place.querySelector(":scope > style")) {
    const style = document.createElement("style");
    style.textContent = script.style;
    place.prepend(style);
  }
  return script.default(component);
}

export default function (component) {
  const address = addressOf(component.data.script);
  if (scripts.has(address)) return show(scripts.get(address), component);
  let over = false;
  let end = null;
  const words = document.createElement("p");
  import(address).then(
    (script) => {
      scripts.set(address, script);
      if (!over) end = show(script, component);
    },
    () => {
      words.textContent = "This part couldn't be fetched. Reload the page.";
      if (!over) component.parentElement.append(words);
    },
  );
  return () => {
    over = true;
    words.remove();
    end?.();
  };
}
