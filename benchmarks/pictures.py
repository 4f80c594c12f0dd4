"""The pictures of the pages in docs/pictures, taken again: `make pictures`.

Not a benchmark. A server of its own runs the demo sweep (sweep_configs/digits.yaml, with more
trials) for real, a headless Chromium looks at it at 1440 and at 390 pixels, and each picture is
written as WebP of less than 150 kB.
"""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from opensweep.local import Settings, start_server, stop_server
from sweeps.protocol.client import Client

ROOT = Path(__file__).resolve().parents[1]
TARGET = ROOT / "docs" / "pictures"
KEY = "b" * 40
TRIALS = 60
MOST_BYTES = 150_000
_SIZES = {"wide": (1440, 900), "phone": (390, 844)}
_FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]

_AS_WEBP = """async ([picture, quality]) => {
  const bytes = Uint8Array.from(atob(picture), (each) => each.charCodeAt(0));
  const bitmap = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  canvas.getContext("2d").drawImage(bitmap, 0, 0);
  const blob = await canvas.convertToBlob({ type: "image/webp", quality });
  const made = new Uint8Array(await blob.arrayBuffer());
  let text = "";
  for (const each of made) text += String.fromCharCode(each);
  return btoa(text);
}"""


def main() -> None:
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    assert chromium, "no Chromium here: install it (Debian: chromium)"
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        settings = Settings(home=Path(folder, "home"), key=KEY)
        url = start_server(settings, port=0)
        try:
            sweep = run_demo(url, Path(folder))
            browser = playwright.chromium.launch(executable_path=chromium, args=_FLAGS)
            take(browser, url, sweep)
            browser.close()
        finally:
            stop_server(settings)


def run_demo(url: str, folder: Path) -> str:
    """The id of the demo sweep, which has ended."""
    for path in (ROOT / "sweep_configs").glob("*.py"):
        shutil.copy(path, folder)
    text = (ROOT / "sweep_configs" / "digits.yaml").read_text()
    assert "run_cap: 25" in text
    (folder / "digits.yaml").write_text(text.replace("run_cap: 25", f"run_cap: {TRIALS}"))
    environment = {**os.environ, "OPENSWEEP_URL": url, "OPENSWEEP_API_KEY": KEY}
    environment["PATH"] = f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}"
    command = ["sweep", "run", "digits.yaml", "--slots", "2"]
    subprocess.run(command, cwd=folder, env=environment, check=True)
    with Client(url, KEY) as client:
        return str(client.sweeps()[0]["id"])


def take(browser: Browser, url: str, sweep: str) -> None:
    with Client(url, KEY) as client:
        status = client.sweep(sweep)
    pages = {
        "sweep": f"/sweeps/{sweep}",
        "workspace": f"/projects/{status['project']}/charts?count=30",
        "run": f"/runs/{status['best']['id']}?tab=charts",
    }
    TARGET.mkdir(exist_ok=True)
    for size, (width, height) in _SIZES.items():
        context = browser.new_context(
            base_url=url,
            viewport={"width": width, "height": height},
            device_scale_factor=1 if size == "wide" else 2,
            color_scheme="light",
        )
        context.request.post(f"{url}/api/session", data={"key": KEY})
        page = context.new_page()
        for name, path in pages.items():
            page.goto(path)
            page.wait_for_function("() => document.querySelectorAll('.panel canvas').length > 1")
            page.wait_for_function(_STILL, polling=300)
            write(page, TARGET / f"{name}-{size}.webp")
        context.close()


_STILL = """() => {
  if (document.querySelector("[aria-busy=true], .loading")) return false;
  const small = new OffscreenCanvas(64, 64).getContext("2d");
  for (const canvas of document.querySelectorAll("canvas"))
    if (canvas.width && canvas.height) small.drawImage(canvas, 0, 0, 64, 64);
  const now = new Uint32Array(small.getImageData(0, 0, 64, 64).data.buffer).join();
  const same = globalThis.before === now;
  globalThis.before = now;
  return same;
}"""
"""Whether all charts look as they did at the last look."""


def write(page: Page, target: Path) -> None:
    shot = base64.b64encode(page.screenshot()).decode()
    blank = page.context.new_page()
    for quality in (0.92, 0.8, 0.65, 0.5):
        data = base64.b64decode(blank.evaluate(_AS_WEBP, [shot, quality]))
        if len(data) < MOST_BYTES:
            break
    blank.close()
    target.write_bytes(data)
    print(f"{target.relative_to(ROOT)}: {len(data) // 1000} kB")


if __name__ == "__main__":
    main()
