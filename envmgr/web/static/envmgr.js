// What the page adds for those with JavaScript. Everything can be read without.
(function () {
  "use strict";

  // One stream tells that something happened; each view then asks for itself anew. Not while somebody types or chooses.
  function listen() {
    if (!window.EventSource || !document.querySelector("[hx-trigger*='envmgr:changed']")) return;
    var waiting = null;
    var stream = new EventSource("/live");
    // What happened between the drawing of the view and this, or while the network was away, is looked at as well.
    stream.addEventListener("open", changed);
    stream.addEventListener("changed", changed);
    function changed() {
      if (waiting) return;
      waiting = setTimeout(function () {
        waiting = null;
        var focus = document.activeElement;
        var chosen = window.getSelection && String(window.getSelection());
        if (document.hidden || chosen || (focus && focus.closest && focus.closest("[hx-trigger*='envmgr:changed'] form"))) return;
        htmx.trigger(document.body, "envmgr:changed");
      }, 500);
    }
    window.addEventListener("pagehide", function () { stream.close(); });
  }

  // Folded parts stay as the reader left them when a view is drawn anew.
  function keepFolds() {
    var open = {};
    document.body.addEventListener("htmx:beforeSwap", function () {
      open = {};
      document.querySelectorAll("details").forEach(function (each, number) { open[key(each, number)] = each.open; });
    });
    document.body.addEventListener("htmx:afterSwap", function () {
      document.querySelectorAll("details").forEach(function (each, number) {
        var was = open[key(each, number)];
        if (was !== undefined) each.open = was;
      });
    });
    function key(each, number) {
      var title = each.querySelector("summary");
      return (title ? title.textContent : "") + number;
    }
  }

  // A log that is written is followed as long as its end is in sight.
  function follow() {
    var log = document.querySelector("[data-live]");
    if (!log) return;
    var isAtEnd = true;
    window.addEventListener("scroll", function () {
      isAtEnd = window.innerHeight + window.scrollY >= document.documentElement.scrollHeight - 80;
    }, { passive: true });
    new MutationObserver(function () {
      if (isAtEnd) window.scrollTo(0, document.documentElement.scrollHeight);
    }).observe(log, { childList: true });
  }

  // A link to a line opens the part that it is in, and one to a call of the API what is folded of it.
  function reveal() {
    var line = location.hash.slice(1) && document.getElementById(location.hash.slice(1));
    var part = line && (line.closest("details") || line.querySelector(":scope > details"));
    if (part && !part.open) { part.open = true; line.scrollIntoView(); }
  }

  // A sign-in link has the token behind its #, which no server and no log is sent; who came by it presses the button.
  function fillIn() {
    var field = document.querySelector("input[name=token]");
    if (!field || !/^#envmgr_[A-Za-z0-9_-]+$/.test(location.hash)) return;
    field.value = location.hash.slice(1);
    history.replaceState(null, "", location.pathname + location.search);
    field.form.querySelector("button").focus();
  }

  document.addEventListener("DOMContentLoaded", function () {
    fillIn();
    listen();
    keepFolds();
    follow();
    reveal();
  });
  window.addEventListener("hashchange", reveal);
})();
