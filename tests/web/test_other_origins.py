"""A page of somebody else in the same browser can neither read nor post: not from another port of this very machine, to
which cookies and SameSite do not matter, not from another site, and not from a name that was made to lead here.
"""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from e2e.harness import Net
from web.harness import HTTP, Opened, Pages

ELSEWHERE = "<!doctype html><meta charset=utf-8><title>elsewhere</title><p>Somebody else's page.</p>"

# Whatever a script can try with fetch; each answers what it could read, or why it could not.
FETCHES = """async (base) => {
  const body = JSON.stringify({ room: "lobby", text: "forged" });
  const json = { "content-type": "application/json" };
  const attempts = {
    read: ["/v1/status", {}],
    cookie: ["/v1/status", { credentials: "include" }],
    blind: ["/v1/status", { mode: "no-cors", credentials: "include" }],
    events: ["/v1/events", { credentials: "include" }],
    token: ["/v1/page-link", { method: "POST", body: "{}", headers: json, credentials: "include" }],
    post: ["/v1/send", { method: "POST", body, headers: json, credentials: "include" }],
    simple: ["/v1/send", { method: "POST", body, mode: "no-cors", credentials: "include" }],
    reset: ["/v1/token/reset", { method: "POST", body: "{}", mode: "no-cors", credentials: "include" }],
  };
  const found = {};
  for (const [name, [path, request]] of Object.entries(attempts)) {
    try {
      const answer = await fetch(base + path, request);
      const text = answer.type === "opaque" ? "" : await answer.text();
      found[name] = { status: answer.status, type: answer.type, text };
    } catch (error) {
      found[name] = { error: String(error) };
    }
  }
  return found;
}"""

# What needs no fetch: an event stream, a frame, a script, a picture, the page's own window.
OTHERS = """async (base) => {
  const settled = (make) => new Promise((done) => make(done));
  const events = await settled((done) => {
    const source = new EventSource(base + "/v1/events", { withCredentials: true });
    source.onopen = () => done("open");
    source.onerror = () => { source.close(); done("error"); };
  });
  const element = (tag, url) => settled((done) => {
    const one = document.createElement(tag);
    one.onload = () => done("loaded");
    one.onerror = () => done("error");
    one.src = base + url;
    document.body.append(one);
  });
  return { events, script: await element("script", "/v1/status"), image: await element("img", "/v1/status") };
}"""

WITH_TOKEN = """([url, token]) =>
  fetch(url, { headers: { authorization: `Bearer ${token}` } }).then((answer) => answer.status)"""

READ_WINDOW = """() => {
  try {
    return window.opened.document.body.innerText;
  } catch {
    return "blocked";
  }
}"""

FORM = """(base) => {
  const form = document.createElement("form");
  form.method = "post";
  form.action = base + "/v1/send";
  form.enctype = "text/plain";
  const field = document.createElement("input");
  field.name = '{"room": "lobby", "text": "forged", "kind": "text", "x": "';
  field.value = '"}';
  form.append(field);
  document.body.append(form);
  form.submit();
}"""


class _Elsewhere(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(ELSEWHERE.encode())

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def elsewhere() -> Iterator[int]:
    """The port of another server on this machine."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Elsewhere) as server:
        threading.Thread(target=server.serve_forever).start()
        yield server.server_address[1]
        server.shutdown()


@pytest.fixture
def victim(net: Net, pages: Pages) -> Opened:
    """A page that is logged in, of a daemon in a room."""
    ana = net.daemon("ana", *HTTP)
    ana.join("lobby")
    opened = pages.open(ana, "#room/lobby")
    opened.page.get_by_role("textbox").first.wait_for()
    return opened


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_a_page_of_another_server_reads_and_posts_nothing(
    victim: Opened, pages: Pages, elsewhere: int, name: str
) -> None:
    daemon = victim.daemon
    other = pages.blank(daemon, victim.page.context)
    other.expect_errors("")
    token = (daemon.home / "token").read_text()
    other.page.goto(f"http://{name}:{elsewhere}/")
    for what, found in other.page.evaluate(FETCHES, victim.base).items():
        assert "error" in found or found["type"] == "opaque", f"{what}: {found}"
    assert other.page.evaluate(OTHERS, victim.base) == {
        "events": "error",
        "script": "error",
        "image": "error",
    }

    other.page.evaluate(FORM, victim.base)
    other.page.wait_for_url("**/v1/send")
    assert "forged" not in other.page.content()
    assert daemon.texts("lobby") == []
    assert (daemon.home / "token").read_text() == token
    answer = victim.page.reload()
    assert answer is not None
    assert answer.status == 200
    assert victim.page.evaluate("fetch('/v1/status').then((answer) => answer.status)") == 200


def test_the_page_shows_itself_in_no_frame(victim: Opened, pages: Pages, elsewhere: int) -> None:
    other = pages.blank(victim.daemon, victim.page.context)
    other.expect_errors("")
    other.page.goto(f"http://127.0.0.1:{elsewhere}/")
    other.page.evaluate(
        "(base) => new Promise((done) => { const frame = document.createElement('iframe');"
        " frame.onload = done; frame.src = base + '/'; document.body.append(frame); })",
        victim.base,
    )
    [frame] = other.page.main_frame.child_frames
    assert victim.base not in frame.url
    assert frame.locator("nav").count() == 0


def test_a_name_that_was_made_to_lead_here_reads_and_posts_nothing(victim: Opened, pages: Pages) -> None:
    """DNS rebinding: the name of a page becomes 127.0.0.1, and to the browser page and daemon are one origin."""
    daemon = victim.daemon
    port = victim.base.rpartition(":")[2]
    rebound = f"http://rebound.example:{port}"
    other = pages.blank(daemon, bypass_csp=True)  # or our refusal's own policy would stop the script below
    other.expect_errors("")
    answer = other.page.goto(f"{rebound}/")
    assert answer is not None
    assert answer.status == 403
    assert answer.json()["error"]["code"] == "refused"

    for what, found in other.page.evaluate(FETCHES, rebound).items():
        assert found.get("status") == 403, f"{what}: {found}"
        assert daemon.peer_id not in found["text"]
    # Even with the token: the name is wrong.
    token = (daemon.home / "token").read_text().strip()
    assert other.page.evaluate(WITH_TOKEN, [f"{rebound}/v1/status", token]) == 403
    assert daemon.texts("lobby") == []


def test_a_link_from_another_page_opens_ours_and_gives_it_nothing(
    victim: Opened, pages: Pages, elsewhere: int
) -> None:
    other = pages.blank(victim.daemon, victim.page.context)
    other.expect_errors("")
    other.page.goto(f"http://127.0.0.1:{elsewhere}/")
    with other.page.expect_popup() as popup:
        other.page.evaluate("(base) => { window.opened = window.open(base + '/'); }", victim.base)
    popup.value.wait_for_load_state()
    assert popup.value.url.startswith(victim.base)
    assert other.page.evaluate(READ_WINDOW) == "blocked"
