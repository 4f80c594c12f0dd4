"""The document of the pages and their files: policy, types, caches, preloads, what breaks."""

from __future__ import annotations

import gzip
import http.client
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import urllib3
from starlette.routing import Route
from test_server_api import World, running

from controller.dashboard import assets, shell
from controller.server import app
from sweeps.errors import NotFoundError

BROWSER = "text/html,application/xhtml+xml,*/*;q=0.8"
PATHS = ("/", "/sweeps/x", "/projects/a%2Fb/charts", "/login?next=%2F", "/no/such/page/at/all")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with running(tmp_path_factory.mktemp("shell")) as found:
        yield found


def answer(
    world: World, path: str, method: str = "GET", **headers: str
) -> urllib3.BaseHTTPResponse:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    with urllib3.PoolManager(retries=False) as pool:
        return pool.request(
            method,
            world.url + path,
            headers={**given, "Connection": "close"},
            decode_content=False,
        )


def document(world: World, path: str = "/") -> str:
    return answer(world, path, Accept=BROWSER).data.decode()


# -- the document ---------------------------------------------------------------------------------


@pytest.mark.parametrize("path", PATHS)
def test_the_policy_lets_nothing_run_but_our_own_files(world: World, path: str) -> None:
    found = answer(world, path, Accept=BROWSER)
    assert found.status == 200
    policy = dict(
        each.partition(" ")[::2] for each in found.headers["Content-Security-Policy"].split("; ")
    )
    assert policy["default-src"] == "'none'"
    for nothing in ("base-uri", "form-action", "frame-ancestors", "trusted-types"):
        assert policy[nothing] == "'none'"
    assert policy["require-trusted-types-for"] == "'script'"
    assert "unsafe" not in str(policy)
    assert "*" not in str(policy)
    assert "http" not in str(policy)
    assert policy["script-src"] == "'self'"
    assert not re.search(r"<script(?![^>]*\ssrc=)", found.data.decode())
    assert policy["style-src"] == "'self'"
    assert found.headers["X-Content-Type-Options"] == "nosniff"
    assert found.headers["Referrer-Policy"] == "no-referrer"
    assert found.headers["Cross-Origin-Opener-Policy"] == "same-origin"


def test_all_that_it_names_is_here_and_nothing_is_elsewhere(world: World) -> None:
    text = document(world, "/sweeps/x")
    addresses = re.findall(r'(?:href|src)="([^"]+)"', text)
    assert len(addresses) >= 6
    for address in addresses:
        assert address.startswith("/static/")
        assert answer(world, address).status == 200, address
    assert "style=" not in text
    assert not re.search(r"\son\w+=", text)


def test_no_style_sheet_asks_another_host() -> None:
    text = assets.Assets().get(assets.STYLES).plain.decode()
    assert "@import" not in text
    assert "http" not in re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    assert text.index("vendor/uplot.css") < text.index("css/base.css")


def test_it_names_the_scripts_of_its_page_and_no_others(world: World) -> None:
    named = re.compile(r'modulepreload" href="[^"]+/packs/([^"]+)"')
    scripts = {path: named.findall(document(world, path)) for path in PATHS}
    assert scripts == {
        "/": ["main.js", "pages/home.js"],
        "/sweeps/x": ["main.js", "pages/sweep.js"],
        "/projects/a%2Fb/charts": ["main.js", "pages/workspace.js"],
        "/login?next=%2F": ["main.js", "pages/login.js"],
        "/no/such/page/at/all": ["main.js", "pages/elsewhere.js"],
    }


def test_every_page_has_a_route_that_the_server_understands_and_can_be_packed() -> None:
    here = shell.Shell(assets.Assets())
    found = {pack for _, pack in here.routes}
    there = {f"packs/pages/{path.name}" for path in (assets.FOLDER / "js" / "pages").glob("*.js")}
    assert found == there
    written = (assets.FOLDER / "js" / "router.js").read_text().count("pattern: /")
    assert len(here.routes) == written
    main = here.packs.get("packs/main.js").plain
    for pack in found:
        made = here.packs.get(pack).plain
        again = re.findall(rb"modules\.set\((.*?),", made)
        assert len(again) == len(set(again))
        assert not set(again) & set(re.findall(rb"modules\.set\((.*?),", main))
    assert b'modules.set("vendor/preact.mjs",' in main
    for nothing in ("packs/pages/no.js", "packs/api.js", "packs/../shell.py"):
        with pytest.raises(NotFoundError):
            here.packs.get(nothing)


def test_the_router_alone_loads_modules_later() -> None:
    """Another's `import("./x.js")` would look for it where the pack lies."""
    later = {
        path
        for path, data in assets.Assets().files.items()
        if path.startswith("js/") and re.search(rb"(?<!\{)(?<![@(<|])\bimport\(", uncommented(data))
    }
    assert later == {"js/router.js"}


def uncommented(data: bytes) -> bytes:
    return re.sub(rb"/\*.*?\*/", b"", data, flags=re.DOTALL)


def test_what_cannot_be_packed_is_said_on_the_page(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(assets.FOLDER, tmp_path / "static")
    (tmp_path / "static" / "js" / "pages" / "home.js").write_text("export let changing = 1;\n")
    monkeypatch.setattr(assets.Assets.__init__, "__defaults__", (tmp_path / "static",))
    monkeypatch.setattr(shell, "_PAGES", shell._Pages())
    found = answer(world, "/", Accept=BROWSER)
    assert found.status == 503
    assert "js/pages/home.js: cannot be bundled" in found.data.decode()
    assert answer(world, "/server", Accept=BROWSER).status == 200


def test_a_document_that_did_not_change_is_not_sent_again(world: World) -> None:
    first = answer(world, "/", Accept=BROWSER)
    assert first.headers["Cache-Control"] == "no-cache"
    again = answer(world, "/", Accept=BROWSER, If_None_Match=first.headers["ETag"])
    assert (again.status, again.data) == (304, b"")
    assert again.headers["Content-Security-Policy"] == first.headers["Content-Security-Policy"]
    other = answer(world, "/sweeps/x", Accept=BROWSER, If_None_Match=first.headers["ETag"])
    assert other.status == 200


def test_head_is_answered_as_get(world: World) -> None:
    for path in ("/", "/favicon.ico", "/robots.txt", assets.Assets().url("js/main.js")):
        got, asked = (answer(world, path, method, Accept=BROWSER) for method in ("GET", "HEAD"))
        assert (asked.status, asked.data) == (200, b"")
        assert asked.headers["Content-Length"] == got.headers["Content-Length"]
        assert asked.headers["Content-Type"] == got.headers["Content-Type"]


def test_a_page_is_never_the_answer_at_an_address_of_the_api(world: World) -> None:
    there = app.make_app(world.services).routes
    paths = {route.path for route in there if isinstance(route, Route) and "GET" in route.methods}
    assert len(paths) > 20
    pages = set()
    for path in sorted(paths):
        tried = answer(world, re.sub(r"\{.*?\}", "x", path), Accept=BROWSER)
        if tried.data.startswith(b"<!doctype"):
            pages.add(path)
    # W&B's client fetches bytes there, and says that it takes anything; a browser means ours.
    assert pages == {"/artifacts/{rest:path}"}


# -- the files ------------------------------------------------------------------------------------


def test_files_have_their_types_and_are_kept_for_good(world: World) -> None:
    here = assets.Assets()
    kinds = {
        "js/main.js": "text/javascript",
        "vendor/preact.mjs": "text/javascript",
        assets.STYLES: "text/css",
        "icon.svg": "image/svg+xml",
        "vendor/htm.LICENSE.txt": "text/plain",
    }
    for path, kind in kinds.items():
        plain = answer(world, here.url(path))
        assert plain.headers["Content-Type"].partition(";")[0] == kind
        assert "immutable" in plain.headers["Cache-Control"]
        assert plain.headers["X-Content-Type-Options"] == "nosniff"
        assert "Content-Encoding" not in plain.headers
        small = answer(world, here.url(path), Accept_Encoding="gzip")
        assert small.headers["Vary"] == "Accept-Encoding"
        if small.headers.get("Content-Encoding") == "gzip":
            assert gzip.decompress(small.data) == plain.data
            assert len(small.data) < 0.9 * len(plain.data)


@pytest.mark.parametrize(
    "path",
    [
        "js/no_such.js",
        "../../shell.py",
        "..%2f..%2fshell.py",
        "js/../../../shell.py",
        ".lock",
        "vendor/.lock",
        "js",
        "",
    ],
)
def test_what_is_no_file_of_the_pages_is_not_found(world: World, path: str) -> None:
    # By http.client, which sends a path as it is.
    connection = http.client.HTTPConnection(world.url.partition("://")[2], timeout=20)
    connection.request("GET", assets.Assets().url(path), headers={"Accept": BROWSER})
    found = connection.getresponse()
    told = json.loads(found.read())
    connection.close()
    assert (found.status, told["error"]["kind"]) == (404, "NotFoundError")


def test_a_file_of_another_version_is_not_mixed_with_these(world: World) -> None:
    found = answer(world, "/static/0123456789abcdef/js/main.js")
    assert found.status == 404
    assert "load them again" in found.json()["error"]["message"]


def test_the_version_follows_the_content(tmp_path: Path) -> None:
    (tmp_path / "a.js").write_text("1")
    first = assets.Assets(tmp_path).version
    assert assets.Assets(tmp_path).version == first
    (tmp_path / "a.js").write_text("2")
    assert assets.Assets(tmp_path).version != first


def test_browsers_find_an_icon_and_crawlers_nothing(world: World) -> None:
    assert answer(world, "/favicon.ico").headers["Content-Type"] == "image/svg+xml"
    assert "Disallow: /" in answer(world, "/robots.txt").data.decode()


# -- what is broken -------------------------------------------------------------------------------


def test_a_checkout_without_the_build_says_what_to_do_until_it_is_done(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkout = tmp_path / "static"
    shutil.copytree(assets.FOLDER, checkout, ignore=shutil.ignore_patterns("vendor"))
    monkeypatch.setattr(assets.Assets.__init__, "__defaults__", (checkout,))
    monkeypatch.setattr(shell, "_PAGES", shell._Pages())
    found = answer(world, "/", Accept=BROWSER)
    assert found.status == 503
    assert "make setup" in found.data.decode()
    assert "vendor/preact.mjs" in found.data.decode()
    assert answer(world, "/healthz").status == 200
    shutil.copytree(assets.FOLDER / "vendor", checkout / "vendor")
    assert answer(world, "/", Accept=BROWSER).status == 200


def test_a_fault_of_ours_is_a_plain_sentence(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise OSError("secret detail")

    monkeypatch.setattr(shell.Shell, "answer", broken)
    found = answer(world, "/", Accept=BROWSER)
    assert found.status == 503
    assert "Its log says why" in found.data.decode()
    assert "secret detail" not in found.data.decode()
