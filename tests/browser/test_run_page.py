"""The page of a run: each tab, each button, and what happens while it runs."""

from __future__ import annotations

import json
import re
import struct
import zlib

import pytest
from browser_site import Site, until
from playwright.sync_api import Page, expect

from controller.store import Chunk, ChunkKind

RUN = "page-run"
PAGE = b"<h1>logged</h1>"


def png(width: int, height: int, value: int) -> bytes:
    """A grey picture."""

    def part(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    rows = (b"\0" + bytes([value]) * width) * height
    head = part(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + part(b"IDAT", zlib.compress(rows)) + part(b"IEND", b"")


def picture(step: int) -> dict[str, object]:
    return {
        "_type": "image-file",
        "path": f"media/images/{step}.png",
        "width": 40,
        "height": 30,
        "caption": f"at {step} <b>bold</b>",
        "boxes": {"guess": {"path": "media/boxes.json"}},
        "masks": {"truth": {"path": "media/mask.png"}},
    }


TABLE = {"_type": "table-file", "path": "media/t.table.json", "ncols": 3, "nrows": 130}
LABELS = {"mask/class_labels": {"pic_wandb_delimeter_truth": {"value": {"0": "sky", "1": "disc"}}}}
CONFIG = {"lr": 0.1, "model": {"layers": 2, "kind": "resnet"}, "_wandb": LABELS}
METADATA = {
    "host": "box-7",
    "program": "train.py",
    "args": ["--lr", "0.1 x"],
    "git": {"commit": "c0ffee" * 6, "branch": "main", "remote": "git@example.org:lab/net.git"},
    "pid": 77,
}


@pytest.fixture(scope="module")
def run_id(site: Site) -> str:
    rows: list[dict[str, object]] = [{"loss": 1 / (i + 1), "lr": 0.1} for i in range(20)]
    rows[3] |= {"pic": picture(3)}
    rows[9] |= {"pic": picture(9), "page": {"_type": "html-file", "path": "media/p.html"}}
    site.run(RUN, "page", rows, config=CONFIG, metadata=METADATA, name="bright-river")
    newest = {"pic": picture(9), "page": rows[9]["page"], "answers": TABLE, "_wandb": {"x": 1}}
    site.ask("POST", f"/api/runs/{RUN}/edit", {"summary": newest})
    boxes = {
        "box_data": [{"position": {"minX": 0, "maxX": 0.5, "minY": 0, "maxY": 1}, "class_id": 2}]
    }
    boxes["class_labels"] = {"2": "dog"}  # type: ignore[assignment]
    cell = {"_type": "image-file", "path": "media/images/3.png", "width": 40, "height": 30}
    data = [[i, "cat" if i % 2 else "<i>dog</i>", cell if i < 3 else None] for i in range(130)]
    table = {"columns": ["n", "guess", "image"], "data": data}
    site.save(
        RUN,
        {
            "media/images/3.png": png(40, 30, 200),
            "media/images/9.png": png(40, 30, 90),
            "media/mask.png": png(40, 30, 1),
            "media/boxes.json": json.dumps(boxes).encode(),
            "media/p.html": PAGE,
            "media/t.table.json": json.dumps(table).encode(),
            "src/train.py": b"import os\nprint(1)\n",
            "src/conf.json": b'{"deep": {"er": [1, {"x": null}]}}',
            "rows.csv": b"x,y\n1,2\n3,4\n",
            "page.html": PAGE,
            "weights.bin": b"\0\1\2",
        },
    )
    alert = {"writer": 1, "number": 0, "title": "loss is odd", "text": "for **ten** steps"}
    site.ask("POST", f"/api/runs/{RUN}/alerts", {**alert, "level": "WARN"})
    return RUN


def printed(site: Site, run_id: str, text: str, seq: int = 0) -> None:
    data, rows = text.encode(), text.count("\n")
    kind = ChunkKind.CONSOLE
    site.store.add_chunk(Chunk(run_id, 1, kind, seq, seq, seq + len(data), rows, data))


def test_overview_and_what_is_edited_there(page: Page, site: Site, run_id: str) -> None:
    page.goto(f"/runs/{run_id}")
    expect(page.get_by_role("heading", level=1)).to_have_text("bright-river")
    code = page.get_by_role("region", name="Code")
    expect(code).to_contain_text("python train.py --lr '0.1 x'".replace("python ", ""))
    expect(code.get_by_role("link", name="example.org/lab/net")).to_have_attribute(
        "href", "https://example.org/lab/net"
    )
    expect(page.get_by_role("region", name="Machine")).to_contain_text("box-7")
    config = page.get_by_role("region", name="Config")
    expect(config).not_to_contain_text("_wandb")
    config.get_by_label("Search config").fill("layers")
    expect(config.get_by_role("treeitem", name="layers 2")).to_be_visible()
    expect(config).not_to_contain_text("resnet")
    expect(page.get_by_role("region", name="Summary")).to_contain_text("image, 40 × 30")

    page.get_by_role("button", name="Edit name").click()
    page.get_by_role("textbox", name="Name").fill("calm-lake")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("calm-lake")
    page.get_by_role("button", name="Edit notes").click()
    page.get_by_role("textbox", name="Notes").fill("it *works*")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("region", name="Notes").locator("em")).to_have_text("works")
    page.get_by_role("button", name="+ tag").click()
    page.get_by_label("New tag").fill("best, kept")
    page.keyboard.press("Enter")
    expect(page.get_by_role("list", name="Tags").get_by_role("listitem")).to_have_count(2)
    page.get_by_role("button", name="Take tag kept away").click()
    expect(page.get_by_role("list", name="Tags").get_by_role("listitem")).to_have_text(["best×"])
    metadata = site.ask("GET", f"/api/runs/{run_id}")["metadata"]
    assert (metadata["name"], metadata["tags"]) == ("calm-lake", ["best"])

    page.get_by_role("tab", name="Overview").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tab", name="Charts")).to_be_focused()
    expect(page).to_have_url(re.compile(r"\?tab=charts$"))
    expect(page.get_by_role("region", name="loss")).to_be_visible()


def test_a_long_console(page: Page, site: Site) -> None:
    site.run("talker", "page", ended=None)
    text = "".join(
        f"\x1b[32mline\x1b[0m {i} {'end of epoch' if i % 9000 == 8000 else ''}\n"
        for i in range(100_000)
    )
    printed(site, "talker", text)
    page.goto("/runs/talker?tab=console")
    lines = page.get_by_role("log", name="Lines of the console")
    expect(lines.get_by_text("line 99999")).to_be_in_viewport()  # the end first
    assert lines.locator(".console-line").count() < 200
    expect(lines.locator(".ansi-fg-2").first).to_have_text("line")
    printed(site, "talker", "and \x1b[1mmore\x1b[0m\n", 1)
    expect(lines.get_by_text("and more")).to_be_in_viewport()  # followed

    lines.hover()
    page.mouse.wheel(0, -3000)
    jump = page.get_by_role("button", name="Jump to the end")
    expect(jump).to_be_visible()
    printed(site, "talker", "further\n", 2)
    expect(page.get_by_text("100,002 lines")).to_be_visible()
    expect(lines.get_by_text("further")).to_have_count(0)  # let go
    jump.click()
    expect(lines.get_by_text("further")).to_be_in_viewport()

    page.get_by_label("Search the console").fill("END of epoch")
    expect(page.get_by_text("1 of 11")).to_be_visible()
    expect(lines.get_by_text("line 8000 end of epoch")).to_be_in_viewport()
    page.get_by_role("button", name="Next match").click()
    expect(lines.get_by_text("line 17000 end of epoch")).to_be_in_viewport()
    expect(lines.locator("mark").first).to_have_text("end of epoch")
    page.get_by_label("Search the console").press("Shift+Enter")
    expect(lines.get_by_text("line 8000 end of epoch")).to_be_in_viewport()
    lines.get_by_role("link", name="Line 8003", exact=True).click()
    page.get_by_label("Search the console").fill("")
    page.goto("/runs/talker?tab=console#L50001")
    page.reload()
    expect(lines.get_by_text("line 50000", exact=True)).to_be_in_viewport()
    page.get_by_label("Wrap lines").check()
    expect(lines.get_by_text("line 50000", exact=True)).to_be_in_viewport()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    assert download.value.suggested_filename == "talker.log"
    site.store.end_run("talker", 1, 0)


def test_files_of_every_kind(page: Page, run_id: str) -> None:
    page.goto(f"/runs/{run_id}?tab=files")
    tree = page.get_by_role("navigation", name="Files")
    tree.get_by_role("button", name="src").click()
    tree.get_by_role("button", name="train.py").click()
    preview = page.get_by_role("region", name="src/train.py")
    expect(preview.locator(".code-line")).to_have_text(["import os\n", "print(1)\n"])
    page.reload()  # the address says it all
    expect(preview.locator(".code-line")).to_have_count(2)
    tree.get_by_role("button", name="conf.json").click()
    shown = page.get_by_role("region", name="src/conf.json")
    expect(shown.get_by_role("treeitem", name="deep")).to_be_visible()
    tree.get_by_role("button", name="rows.csv").click()
    expect(page.get_by_role("table", name="rows.csv").get_by_role("row")).to_have_count(3)
    tree.get_by_role("button", name="page.html").click()
    frame = page.get_by_role("region", name="page.html").locator("iframe")
    expect(frame).to_have_attribute("sandbox", "")
    expect(page.frame_locator("iframe").get_by_text("logged")).to_be_visible()
    tree.get_by_role("button", name="weights.bin").click()
    binary = page.get_by_role("region", name="weights.bin")
    expect(binary).to_contain_text("no text")
    with page.expect_download() as download:
        binary.get_by_role("link", name="Download").click()
    assert download.value.suggested_filename == "weights.bin"


def test_media_by_steps_with_what_is_drawn_over_them(page: Page, run_id: str) -> None:
    page.goto(f"/runs/{run_id}?tab=media")
    panel = page.get_by_role("article", name="pic")
    expect(panel.get_by_text("at 9 <b>bold</b>")).to_be_visible()
    expect(panel.locator("svg rect")).to_have_count(1)
    painted = "each => each.getContext('2d').getImageData(5, 5, 1, 1).data[3]"
    mask = panel.locator("canvas")
    until(lambda: mask.evaluate(painted) > 0)
    panel.get_by_label("disc").uncheck()
    until(lambda: mask.evaluate(painted) == 0)
    panel.get_by_label("guess (boxes)").uncheck()
    expect(panel.locator("svg rect")).to_have_count(0)
    page.get_by_label("Step").focus()
    page.keyboard.press("ArrowLeft")
    expect(panel.get_by_text("at 3 <b>bold</b>")).to_be_visible()
    expect(page).to_have_url(re.compile("step=3"))
    expect(page.get_by_role("article", name="page")).to_contain_text("nothing at or before")
    panel.get_by_role("button", name="Show at 3").click()
    expect(page.get_by_role("dialog").get_by_role("img")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.get_by_label("Search keys").fill("nothing")
    expect(page.get_by_text("No key fits.")).to_be_visible()


def test_tables_alerts_and_artifacts(page: Page, site: Site, run_id: str) -> None:
    page.goto(f"/runs/{run_id}?tab=tables")
    table = page.get_by_role("table", name="answers")
    cells = table.locator("tbody tr td:nth-child(2)")
    expect(cells).to_have_count(50)
    expect(table.locator("tbody img")).to_have_count(3)
    expect(table).to_contain_text("<i>dog</i>")
    by_number = table.get_by_role("button", name=re.compile("^n[ ↑↓]*$"))
    by_number.click()
    by_number.click()
    expect(cells.first).to_have_text("129")
    page.get_by_role("button", name="Next").click()
    expect(cells.first).to_have_text("79")
    page.get_by_label("Search all cells").fill("cat")
    expect(page.get_by_text("65 of 130 rows")).to_be_visible()
    page.get_by_role("button", name="Filter", exact=True).click()
    page.get_by_role("combobox", name="Is", exact=True).select_option("<")
    page.get_by_role("textbox", name="Value", exact=True).fill("10")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_text("5 of 130 rows")).to_be_visible()
    page.get_by_role("button", name="How the values of guess are spread").click()
    expect(page.get_by_role("region", name="Values of guess")).to_contain_text("1 different")

    page.get_by_role("tab", name="Alerts").click()
    alert = page.get_by_role("region", name="Alerts").get_by_role("listitem")
    expect(alert).to_contain_text("loss is odd")
    expect(alert.locator("strong")).to_have_text("ten")
    expect(alert).to_contain_text("told nobody")

    site.artifact("page", "weights", {"w": b"1"}, run=run_id)
    page.get_by_role("tab", name="Artifacts").click()
    made = page.get_by_role("table", name="Logged artifacts")
    expect(made.get_by_role("link", name="weights:v0")).to_be_visible()
    page.get_by_role("link", name="artifact weights:v0").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("weights:v0")


def test_what_can_be_done_with_a_run(page: Page, site: Site) -> None:
    site.run("by-hand", "page", [{"a": 1.0}], ended=None, metadata={"pid": 5, "host": "box"})
    page.goto("/runs/by-hand")
    stop = page.get_by_role("button", name="Stop…")
    expect(stop).to_be_disabled()
    expect(stop).to_have_attribute("title", "started by hand: end its process 5 on box")
    site.run("client", "page", [{"a": 1.0}], ended=None, metadata={"wandb": {"t": {}}})
    page.goto("/runs/client")
    stop.click()
    page.get_by_role("dialog").get_by_role("button", name="Stop", exact=True).click()
    expect(page.get_by_text("It is told to stop.")).to_be_visible()
    assert site.store.get_run("client").metadata["stop_ordered"] == 1
    site.store.end_run("client", 1, 1)
    expect(page.get_by_text("exit code 1")).to_be_visible()  # without a reload
    page.get_by_role("button", name="More about this run").click()
    with page.expect_download() as download:
        page.get_by_role("menuitem", name="History as CSV").click()
    assert download.value.path().read_text().startswith("_step,_timestamp,a")
    page.get_by_role("button", name="More about this run").click()
    page.get_by_role("menuitem", name="Compare with…").click()
    expect(page.get_by_role("dialog").get_by_role("link", name="by-hand")).to_have_attribute(
        "href", re.compile(r"/projects/page/compare\?runs=client%2Cby-hand")
    )
    page.keyboard.press("Escape")
    page.get_by_role("button", name="More about this run").click()
    page.get_by_role("menuitem", name="Delete…").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete", exact=True).click()
    expect(page).to_have_url(re.compile(r"/projects/page$"))
    assert all(each["id"] != "client" for each in site.ask("GET", "/api/runs?project=page")["runs"])
