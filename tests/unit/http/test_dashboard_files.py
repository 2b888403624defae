"""The dashboard's files as they are served: to whom, and with which headers."""

from __future__ import annotations

import http.client
import json
import re
from contextlib import closing
from pathlib import Path

import pytest

from autoscaler.http import dashboard_files as web
from autoscaler.http.access import Refused, Rules, judge
from autoscaler.http.api import make_app
from autoscaler.http.dashboard_files import HEADERS, files
from autoscaler.http.server import Server
from autoscaler.loop.snapshot import Snapshot
from autoscaler.net.unix_http import UnixHTTPConnection
from autoscaler.tools.demo.services import free_port

FILES = files()
TEXTS = {path: file.content.decode() for path, file in FILES.items()}
SENT = {name.lower(): value for name, value in HEADERS.items()}
TOKEN = "0123456789abcdef"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
LOCAL = Rules({"ci": TOKEN}, "127.0.0.1:8085")
OPEN = Rules({"ci": TOKEN}, "0.0.0.0:8085")


@pytest.fixture
def served(short_folder):
    """Serve on loopback, under rules that can be changed: a way to ask."""
    port = free_port()
    rules = [LOCAL]
    seen = Snapshot(short_folder, 1.0, 1.0, 2.0, None)
    app = make_app(lambda: seen, lambda: 1.0, rules=lambda: rules[0])

    def _ask(path, method="GET", way="tcp", under=LOCAL, **headers):
        rules[0] = under
        host = headers.pop("Host", f"localhost:{port}")
        connection = (
            http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            if way == "tcp"
            else UnixHTTPConnection(short_folder / "a.sock", 5)
        )
        with closing(connection):
            connection.request(method, path, headers={"Host": host, **headers})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()

    with Server(app, short_folder / "a.sock", f"127.0.0.1:{port}"):
        yield _ask


@pytest.mark.parametrize("path", FILES)
def test_a_file_is_served_as_what_it_is_and_with_every_header(served, path):
    status, headers, body = served(path)
    assert (status, body) == (200, FILES[path].content)
    assert SENT.items() <= dict(headers).items()
    kinds = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml", "/": "text/html"}
    assert headers["content-type"].startswith(kinds[path.rpartition(".")[2]])
    assert served(path, "HEAD")[::2] == (200, b"")


def test_the_policy_lets_nothing_in_from_elsewhere_and_nobody_frame_the_page():
    policy = dict(each.split(" ", 1) for each in HEADERS["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert {policy[each] for each in ("script-src", "style-src", "img-src", "connect-src")} == {"'self'"}
    assert policy["frame-ancestors"] == policy["base-uri"] == policy["form-action"] == "'none'"
    assert policy["require-trusted-types-for"] == "'script'"


def test_a_file_that_a_browser_has_is_not_sent_again(served):
    tag = served("/assets/main.js")[1]["etag"]
    status, headers, body = served("/assets/main.js", **{"If-None-Match": tag})
    assert (status, body) == (304, b"")
    assert SENT.items() <= dict(headers).items()
    assert served("/assets/main.js", **{"If-None-Match": '"another"'})[0] == 200


# --- to whom ---


@pytest.mark.parametrize("path", ["/", "/assets/main.js"])
def test_off_loopback_the_files_alone_are_there_without_the_token(served, path):
    assert served(path, under=OPEN, Host="shop1.example:8085")[0] == 200
    assert served(path, under=OPEN, Host="shop1.example:8085", Authorization="Bearer wrong")[0] == 401
    assert served(path, "POST", under=OPEN)[0] == 401
    assert served(path, "DELETE", under=OPEN)[0] == 401


@pytest.mark.parametrize(
    "path",
    [
        *("/api/v1/fleets", "/api/v1/access", "/api/v1/stream", "/metrics", "/health", "/openapi.json"),
        *(
            "//",
            "/assets",
            "/assets/",
            "/assets/none.js",
            "/assets/../api/v1/fleets",
            "/assets/main.js/..",
            "/index.html",
        ),
        *("/%2e", "/assets/%2e%2e/metrics", "/assets/main.js%00", "/?/metrics/..;/x", "/ASSETS/main.js"),
    ],
)
def test_off_loopback_everything_else_needs_it(served, path):
    status = served(path, under=OPEN)[0]
    assert status == (200 if path.startswith("/?") else 401)


@pytest.mark.parametrize("path", ["/", "/assets/main.js"])
def test_on_loopback_the_files_too_are_for_this_machines_names_only(served, path):
    assert served(path)[0] == 200
    assert served(path, Host="evil.example")[0] == 403
    assert served(path, way="unix")[0] == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("rules", [LOCAL, OPEN, Rules({}, "127.0.0.1:8085")])
def test_what_the_files_are_free_for_is_looking_only(rules, method):
    assert isinstance(judge(rules, None, method, {"host": "localhost"}, for_file=True), Refused)


@pytest.mark.parametrize("path", ["/health", "/metrics"])
def test_a_probe_may_ask_for_the_head_alone(served, path):
    assert served(path, "HEAD")[::2] == (200, b"")
    assert served(path, "HEAD", under=OPEN)[0] == 401


def test_whoever_asks_is_told_what_they_may(served):
    def _access(**how):
        return json.loads(served("/api/v1/access", **how)[2])

    assert _access() == {"caller": "unknown", "may_change": False, "token_helps": True}
    assert _access(**BEARER) == {"caller": "token ci", "may_change": True, "token_helps": False}
    assert _access(under=Rules({}, "127.0.0.1:8085"))["token_helps"] is False
    told = _access(way="unix")
    assert told["may_change"]
    assert "(uid " in told["caller"]


# --- what is in them ---


def test_the_page_names_every_file_so_that_all_are_loaded_at_once():
    named = set(re.findall(r'(?:href|src)="([^"#]+)"', TEXTS["/"]))
    assert {f"/{name}" for name in named} == set(FILES) - {"/"}
    imported = {name for text in TEXTS.values() for name in re.findall(r'from "\./([\w.]+)"', text)}
    assert {f"assets/{name}" for name in imported} <= named


@pytest.mark.parametrize("path", FILES)
def test_no_file_reads_text_as_html_or_code_or_comes_from_elsewhere(path):
    text = TEXTS[path].replace('"http://www.w3.org/2000/svg"', "")
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacent|document\.write|DOMParser|\beval\b|new Function", text
    )
    assert not re.search(r"https?://(?!html\.spec)|//cdn|@import|url\(", text)
    assert not re.search(r"<script(?! type=\"module\" src)|<style|\sstyle=|\son\w+=", text)


def test_only_files_of_known_kinds_are_served():
    folder = Path(web.__file__).parent / "dashboard"
    assert {path.name for path in folder.iterdir()} == {
        path.rpartition("/")[2] or "index.html" for path in FILES
    }
    assert sum(len(file.content) for file in FILES.values()) < 100_000
