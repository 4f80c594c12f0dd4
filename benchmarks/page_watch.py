"""When a page is done, as an eye would say: its canvases have been painted, and stay as they are.

A script in the page looks at every frame: it makes a small picture of each canvas and notes when
one last changed, and since when a condition holds. Looking costs about 0.2 ms a canvas and frame,
which is in all figures. Not a benchmark by itself.
"""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page

QUIET_MS = 400
"""A page is done when nothing was painted for so long; the time of the last change counts."""

SCRIPT = """
(() => {
  const small = new OffscreenCanvas(48, 24).getContext("2d", { willReadFrequently: true });
  const seen = new WeakMap();
  const watch = (globalThis.watch = { painted: 0, ready: 0, test: null, frames: 0, paints: 0 });
  const look = (now) => {
    watch.frames += 1;
    let changed = false;
    for (const canvas of document.querySelectorAll("canvas")) {
      if (!canvas.width || !canvas.height) continue;
      small.clearRect(0, 0, 48, 24);
      small.drawImage(canvas, 0, 0, 48, 24);
      let hash = 2166136261;
      for (const part of new Uint32Array(small.getImageData(0, 0, 48, 24).data.buffer))
        hash = Math.imul(hash ^ part, 16777619);
      if (seen.get(canvas) !== hash) changed = true;
      seen.set(canvas, hash);
    }
    if (changed) {
      watch.painted = performance.now();
      watch.paints += 1;
    }
    if (watch.test && !watch.ready && watch.test()) watch.ready = performance.now();
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
})();
"""


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
        rest = f"&& watch.painted > {since} && now - watch.painted > {QUIET_MS}" if painted else ""
        self.page.wait_for_function(
            f"() => {{ const now = performance.now(); return watch.ready {rest}; }}", polling="raf"
        )
        told = self.page.evaluate("() => [watch.ready, watch.painted]")
        return float(max(told) if painted else told[0])

    def now(self) -> float:
        return float(self.page.evaluate("performance.now()"))

    def ask(self, script: str) -> Any:
        return self.page.evaluate(script)
