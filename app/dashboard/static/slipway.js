// Keeps the page fresh: when the service says that something changed, the page is fetched again and every
// element marked data-live is replaced by its new self. Without this file the page is merely as old as its last load.
(() => {
  "use strict";
  const source = document.body.dataset.live;
  const lamp = document.getElementById("live");
  if (!source || !window.EventSource) return;

  let fetching = false, again = false, ended = false;

  const opened = (part) => new Set([...part.querySelectorAll("details[open][id]")].map((one) => one.id));

  const replace = (fresh) => {
    for (const part of document.querySelectorAll("[data-live][id]")) {
      const next = fresh.getElementById(part.id);
      if (!next || next.innerHTML === part.innerHTML || part.contains(document.activeElement) && document.activeElement.matches("input, textarea, select")) continue;
      const open = opened(part);
      part.replaceWith(next);
      for (const id of open) document.getElementById(id)?.setAttribute("open", "");
    }
  };

  const refresh = async () => {
    if (fetching) { again = true; return; }
    fetching = true;
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" }, credentials: "same-origin" });
      if (answer.redirected) { location.reload(); return; }
      if (answer.ok) replace(new DOMParser().parseFromString(await answer.text(), "text/html"));
    } finally {
      fetching = false;
      if (again) { again = false; setTimeout(refresh, 500); }
    }
  };

  const show = (on, text) => { if (lamp) { lamp.toggleAttribute("data-on", on); lamp.textContent = text; } };
  const stream = new EventSource(source);
  stream.addEventListener("open", () => show(true, "live"));
  stream.addEventListener("changed", refresh);
  stream.addEventListener("end", () => { ended = true; stream.close(); show(false, "final"); refresh(); });
  stream.addEventListener("error", () => { if (!ended) show(false, "reconnecting"); });
  document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
})();
