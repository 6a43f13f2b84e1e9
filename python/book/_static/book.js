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
