// Says in the page's words why the microphone's button got no microphone. The button stands in a frame of its own,
// from this same address, and writes down the browser's error alone.
const EVERY = 300;

function written() {
  try {
    return document.querySelector("iframe[title*='webrtc']")?.contentDocument?.body?.innerText ?? "";
  } catch {
    return ""; // a frame from elsewhere: its own words have to do
  }
}

export default function ({ parentElement, data }) {
  let root = parentElement.querySelector(".live-refusal");
  if (!root) {
    root = document.createElement("p");
    root.className = "live-refusal";
    root.setAttribute("role", "alert");
    parentElement.appendChild(root);
  }
  const look = () => {
    const text = written();
    const found = data.refusals.find(([pattern]) => new RegExp(pattern).test(text));
    const words = found ? `⚠ ${found[1]}` : "";
    if (root.textContent !== words) root.textContent = words;
    root.hidden = !found;
  };
  look();
  const timer = setInterval(look, EVERY);
  return () => clearInterval(timer);
}
