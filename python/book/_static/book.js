// On paper, solutions and hidden parts are open.
addEventListener("beforeprint", () => {
  for (const part of document.querySelectorAll("details")) part.open = true;
});

// The search fetches pages to show excerpts of them, which a page opened from disk may not do.
// There it gets their text from a script.
if (location.protocol === "file:") {
  const root = new URL("..", document.currentScript.src).href;
  let texts;
  const load = () => texts ??= new Promise((loaded) => {
    const script = document.createElement("script");
    script.src = root + "_static/excerpts.js";
    script.onload = () => loaded(window.EXCERPTS);
    document.head.append(script);
  });
  const fetch = window.fetch;
  window.fetch = (what, ...options) => {
    const page = new URL(what, location).href.split(/[?#]/)[0];
    if (!page.endsWith(".html")) return fetch(what, ...options);
    return load().then((texts) => new Response(texts[decodeURI(page.slice(root.length))] ?? ""));
  };
}

// The theme loads the search on every page, which keeps Sphinx from marking what was searched for.
addEventListener("DOMContentLoaded", () => {
  if (DOCUMENTATION_OPTIONS.pagename !== "search") SphinxHighlight.highlightSearchWords();
});

// Controls without a kernel: what they show for some values is in the page. Where only one at a
// time can be moved, the others go back to where they were at first.
function revive(place) {
  const { controls, frames } = JSON.parse(place.querySelector("script").textContent);
  const shown = new Map(frames.map((frame) => [frame.at.join(), frame]));
  const start = controls.map((control) => control.start);
  const target = place.nextElementSibling;
  shown.get(start.join()).html = target.innerHTML;
  const words = place.querySelector("p");
  if (frames.length < controls.reduce((product, { values }) => product * values.length, 1))
    words.after("One at a time: moving one puts the others back.");
  const inputs = controls.map(({ label, kind, values, start }, k) => {
    const line = document.createElement("label");
    const name = Object.assign(document.createElement("span"), { textContent: label });
    const input = document.createElement(kind === "slider" ? "input" : "select");
    const value = document.createElement("output");
    if (kind === "slider") Object.assign(input, { type: "range", min: 0, max: values.length - 1 });
    else input.append(...values.map((text, at) => new Option(text, at)));
    Object.assign(input, { autocomplete: "off", value: start, oninput: () => show(k) });
    line.append(name, input, ...(kind === "slider" ? [value] : []));
    words.before(line);
    return { input, value };
  });
  function show(moved) {
    let at = inputs.map(({ input }) => Number(input.value));
    if (!shown.has(at.join())) at = start.map((first, k) => (k === moved ? at[k] : first));
    const texts = controls.map(({ values }, k) => values[at[k]]);
    inputs.forEach(({ input, value }, k) => {
      input.value = at[k];
      value.textContent = texts[k];
      input.setAttribute("aria-valuetext", texts[k]);
    });
    words.textContent = controls.map(({ label }, k) => `${label} = ${texts[k]}`).join(", ");
    target.innerHTML = shown.get(at.join()).html;
  }
  show(0);
  place.classList.add("live");
}
addEventListener("DOMContentLoaded", () => document.querySelectorAll(".frames").forEach(revive));
