// Keeps the page fresh: when the service says that something changed, the page is fetched again and every element marked
// data-live is replaced by its new self. The lines of an agent at work come along as they are shown. Without this file the
// page is merely as old as its last load.
(() => {
  "use strict";
  const MOST_LINES = 300;
  const source = document.body.dataset.live;
  const lamp = document.getElementById("live");
  document.querySelector("header nav [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });  // on a phone the row is long
  if (!source || !window.EventSource) return;

  let fetching = false, again = false, ended = false, opened = false;

  const open = (part) => [...part.querySelectorAll("details[id]")].map((one) => [one.id, one.open]);
  const typing = (part) => part.contains(document.activeElement) && document.activeElement.matches("input, textarea, select");
  const atEnd = (list) => list.scrollHeight - list.scrollTop - list.clientHeight < 40;
  const toEnd = (list) => { list.scrollTop = list.scrollHeight; };

  const replace = (fresh) => {
    for (const part of document.querySelectorAll("[data-live][id]")) {
      const next = fresh.getElementById(part.id);
      if (!next || next.innerHTML === part.innerHTML || typing(part)) continue;
      const states = open(part), within = part.contains(document.activeElement) ? document.activeElement.id : "";
      const list = part.querySelector("#lines"), follow = !list || atEnd(list), top = list ? list.scrollTop : 0;
      part.replaceWith(next);
      for (const [id, was] of states) document.getElementById(id)?.toggleAttribute("open", was);
      if (within) document.getElementById(within)?.focus({ preventScroll: true });
      const lines = next.querySelector("#lines");
      if (lines) { if (follow) toEnd(lines); else lines.scrollTop = top; }
    }
    for (const part of fresh.querySelectorAll("[data-live][id]")) {
      if (!document.getElementById(part.id)) { location.reload(); return; }  // a part that was not there when the page was loaded
    }
  };

  const refresh = async () => {
    if (fetching) { again = true; return; }
    fetching = true;
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" }, credentials: "same-origin" });
      if (answer.redirected) { location.reload(); return; }
      if (answer.ok) replace(new DOMParser().parseFromString(await answer.text(), "text/html"));
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;  // the network is away: the stream says when it is back
    } finally {
      fetching = false;
      if (again) { again = false; setTimeout(refresh, 500); }
    }
  };

  const tell = (html) => {
    const list = document.getElementById("lines");
    if (!list) { refresh(); return; }
    const follow = atEnd(list);
    list.insertAdjacentHTML("beforeend", html);
    while (list.children.length > MOST_LINES) list.firstElementChild.remove();
    if (follow) toEnd(list);
  };

  const show = (on, text) => { if (lamp) { lamp.toggleAttribute("data-on", on); lamp.textContent = text; } };
  const stream = new EventSource(source);
  stream.addEventListener("open", () => { show(true, "live"); if (opened) refresh(); opened = true; });
  stream.addEventListener("changed", refresh);
  stream.addEventListener("line", (message) => tell(message.data));
  stream.addEventListener("end", () => { ended = true; stream.close(); show(false, "final"); refresh(); });
  stream.addEventListener("error", () => { if (!ended) show(false, "reconnecting"); });
  document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
  const lines = document.getElementById("lines");
  if (lines) toEnd(lines);
})();
