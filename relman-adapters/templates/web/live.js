// Keeps a page current: whenever the journal has something new, fetches the page again and replaces the parts that have
// changed. Everything works without this script, too; a page is then as old as its last load.
'use strict';
(() => {
  const body = document.body;
  const events = body.dataset.events;
  if (!events) { return; }
  const news = document.getElementById('news');
  let running = false;
  let again = false;

  function keepOpen(from, to) {
    for (const open of from.querySelectorAll('details[id][open]')) {
      const same = to.querySelector('#' + CSS.escape(open.id));
      if (same) { same.open = true; }
    }
  }

  async function renew() {
    if (running) { again = true; return; }
    running = true;
    try {
      do {
        again = false;
        const answer = await fetch(location.href.split('#')[0], { headers: { accept: 'text/html' } });
        if (!answer.ok) { break; }
        const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
        for (const old of document.querySelectorAll('[data-live]')) {
          const fresh = page.getElementById(old.id);
          if (!fresh) { continue; }
          old.className = fresh.className;
          if (old.innerHTML === fresh.innerHTML) { continue; }
          const focused = old.contains(document.activeElement) ? document.activeElement : null;
          const mark = focused && (focused.id ? '#' + CSS.escape(focused.id)
            : focused.getAttribute('href') ? 'a[href="' + CSS.escape(focused.getAttribute('href')) + '"]' : null);
          keepOpen(old, fresh);
          old.replaceChildren(...fresh.childNodes);
          if (mark) { old.querySelector(mark)?.focus({ preventScroll: true }); }
        }
        body.dataset.head = page.body.dataset.head;
        const latest = page.getElementById('news');
        if (news && latest) { news.textContent = latest.textContent; }
      } while (again);
    } catch {
      // The server is away. EventSource reconnects once it is back.
    } finally {
      running = false;
    }
  }

  // A browser has six connections to a server, and a page that listens uses one: a hidden page releases its own, also while
  // it waits in the back-forward cache. The first event of a new stream tells whether anything was missed.
  let stream = null;

  function close() {
    stream?.close();
    stream = null;
  }

  function listen() {
    if (stream || document.hidden) { return; }
    stream = new EventSource(events);
    stream.onmessage = (event) => {
      if (event.data === body.dataset.head) { return; }
      const stale = document.getElementById('stale');
      if (stale) { stale.hidden = false; } else { renew(); }
    };
  }

  // Some of what a page says changes with the time alone: what is due, and that nobody is driving.
  setInterval(() => { if (!document.hidden && !document.getElementById('stale')) { renew(); } }, 60000);

  addEventListener('pagehide', close);
  addEventListener('pageshow', listen);
  document.addEventListener('visibilitychange', () => { if (document.hidden) { close(); } else { listen(); } });
  listen();
})();
