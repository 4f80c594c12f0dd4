"""When a page is done, as an eye would say: its canvases have been painted, and stay as they are.

A script in the page notes when something was last drawn on a canvas, and takes the second frame
after it, when it has been painted; and how many questions to the API are not answered yet. It adds
two assignments to each drawing call. Not a benchmark by itself.
"""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page

QUIET_MS = 400
"""A page is done when nothing was drawn for so long; the time of the last painting counts."""

SCRIPT = """
(() => {
  const watch = (globalThis.watch = { painted: 0, ready: 0, test: null, paints: 0, asking: 0 });
  let drew = false;
  const pen = CanvasRenderingContext2D.prototype;
  for (const name of "stroke fill fillRect clearRect drawImage putImageData fillText".split(" ")) {
    const plain = pen[name];
    pen[name] = function (...given) {
      drew = true;
      return plain.apply(this, given);
    };
  }
  const ask = globalThis.fetch;
  globalThis.fetch = (...given) => {
    watch.asking += 1;
    return ask(...given);
  };
  new PerformanceObserver((list) => {
    for (const { initiatorType } of list.getEntries())
      if (initiatorType === "fetch") watch.asking -= 1;
  }).observe({ type: "resource", buffered: true });
  const look = () => {
    if (drew) {
      drew = false;
      watch.paints += 1;
      requestAnimationFrame(() => { watch.painted = performance.now(); });
    }
    if (watch.test && !watch.ready && watch.test()) watch.ready = performance.now();
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
})();
"""

BLANK = """() => [...document.querySelectorAll(".panel canvas")].filter((canvas) => {
  if (!canvas.width || !canvas.height || !canvas.checkVisibility()) return false;
  const all = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  return !new Uint32Array(all.buffer).some((each) => each);
}).length"""
"""How many canvases of charts have nothing on them; layers for a pointer have not, at rest."""


class Watched:
    """A page of a fresh browser: nothing of ours is in its cache."""

    def __init__(self, browser: Browser, url: str, key: str, height: int = 900) -> None:
        self.context: BrowserContext = browser.new_context(
            base_url=url, viewport={"width": 1440, "height": height}
        )
        self.context.set_default_timeout(20_000)
        self.context.request.post(f"{url}/api/session", data={"key": key})
        self.page: Page = self.context.new_page()
        self.page.add_init_script(SCRIPT)

    def __enter__(self) -> Watched:
        return self

    def __exit__(self, *_: object) -> None:
        self.context.close()

    def open(self, path: str, ready: str, *, painted: bool = True) -> float:
        """Opens a page; seconds from the start of that until it is done.

        Args:
            ready: JavaScript that is true when all is there that is waited for.
            painted: whether it has canvases, which must have come to rest.
        """
        self.page.goto(path, wait_until="commit")
        return self.done(ready, painted=painted) / 1000

    def done(self, ready: str, *, since: float = 0.0, painted: bool = True) -> float:
        """When it was done, in milliseconds of the page's clock."""
        self.page.evaluate(f"() => {{ watch.ready = 0; watch.test = () => {ready}; }}")
        still = f"watch.asking <= 0 && watch.painted > {since} && now - watch.painted > {QUIET_MS}"
        rest = f"&& {still}" if painted else ""
        self.page.wait_for_function(
            f"() => {{ const now = performance.now(); return watch.ready {rest}; }}", polling="raf"
        )
        told = self.page.evaluate("() => [watch.ready, watch.painted]")
        return float(max(told) if painted else told[0])

    def now(self) -> float:
        return float(self.page.evaluate("performance.now()"))

    def ask(self, script: str) -> Any:
        return self.page.evaluate(script)
