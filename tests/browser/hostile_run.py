"""A training script whose author wishes us ill: whatever a script can name, say or save is hostile.

Run by tests/browser/test_hostile.py with the logger's own front door. It prints the run's id.
"""

from __future__ import annotations

import sys
from pathlib import Path

MARKUP = '<img src=x onerror="window.hit=1;alert(1)"><script>window.hit=1;alert(1)</script>'
QUOTES = "\"'`>${window.hit=1}</textarea></title></style>--><svg onload=window.hit=1>"
LINK = "javascript:window.hit=1;alert(1)"
BACKWARDS = "\u202egnp.exe\u2066 \u200b\u200d\ufeff\u2028end"
LONG = "W" * 10_000
TEXTS = {
    "markup": MARKUP,
    "quotes": QUOTES,
    "link": LINK,
    "backwards": BACKWARDS,
    "long": LONG,
    "__proto__": "polluted",
    "constructor": MARKUP,
}
PAGE = (
    "<h1>logged</h1><script>top.hit = 1; parent.hit = 1; alert(1)</script>"
    '<a href="javascript:alert(1)">a</a><img src="/api/session" onerror="top.hit=1">'
    '<form action="/api/keys" method=post><button>b</button></form>'
)
DRAWING = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="80" height="80" onload="top.hit=1">'
    "<script>top.hit = 1; alert(1)</script><rect width='80' height='80' fill='red'/>"
    '<foreignObject width="80" height="80"><iframe xmlns="http://www.w3.org/1999/xhtml" '
    'src="javascript:top.hit=1"></iframe></foreignObject></svg>'
)
MARKDOWN = f"""# {MARKUP}

[a]({LINK}) [b](JaVaScRiPt:alert(1)) [c](data:text/html,<script>alert(1)</script>)
[d](//evil.example/x) [e](https://evil.example/"onmouseover="window.hit=1)
![p]({LINK}) ![q](https://evil.example/pixel.png)

<iframe src="{LINK}"></iframe> <details open ontoggle=window.hit=1> {QUOTES}

| {MARKUP} | b |
|---|---|
| {QUOTES} | {BACKWARDS} |

```html
{MARKUP}
```
"""


def main(project: str, folder: Path) -> None:
    import opensweep

    run = opensweep.init(
        project=project,
        name=MARKUP,
        group=QUOTES,
        job_type=MARKUP,
        tags=[MARKUP[:60], QUOTES[:60], BACKWARDS],
        notes=MARKDOWN,
        config={**TEXTS, MARKUP: {QUOTES: [MARKUP, {LINK: BACKWARDS}]}},
    )
    for text in TEXTS.values():
        print(text[:300])
    print(f"\x1b[31m{MARKUP}\x1b[0m \x1b]8;;{LINK}\x1b\\click\x1b]8;;\x1b\\ \x1b[38;5;999;1mx")
    page, drawing = folder / 'a"><img src=x onerror=alert(1)>.html', folder / f"{BACKWARDS}.svg"
    page.write_text(PAGE)
    drawing.write_text(DRAWING)
    for saved in (page, drawing, write(folder / "notes.md", MARKDOWN)):
        run.save(saved, base_path=folder)
    rows = [[text, opensweep.Html(PAGE)] for text in (*TEXTS.values(), MARKDOWN)]
    for step in range(3):
        run.log(
            {
                "loss": 1 / (step + 1),
                MARKUP: float(step),
                f"{QUOTES}/{LINK}": float(step),
                "page": opensweep.Html(PAGE),
                "table": opensweep.Table(columns=[MARKUP, "b"], data=rows),
                **({} if step else {f"text/{key}": text for key, text in TEXTS.items()}),
            }
        )
    for key, text in TEXTS.items():
        run.summary[f"said {key}"] = text
    run.alert(title=MARKUP, text=MARKDOWN, level="WARN")
    artifact = opensweep.Artifact("kept", type="data", description=MARKDOWN, metadata=TEXTS)
    artifact.add_file(page)
    artifact.add_file(drawing)
    run.log_artifact(artifact)
    run.finish()
    print(f"id={run.id}")


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
