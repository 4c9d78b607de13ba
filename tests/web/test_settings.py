"""Settings do what they say: names and blocks reach the daemon, an export is one that `p2pd verify` accepts, and a
notification comes for what was asked for and for nothing else.
"""

from __future__ import annotations

from pathlib import Path

from e2e.harness import Daemon, Net, eventually
from playwright.sync_api import expect
from web.harness import Pages, peer, two_daemons

# Chromium without a desktop has no notifications: this notes what the page would show.
NOTIFICATIONS = """
  window.shown = [];
  window.Notification = class {
    static permission = "default";
    static async requestPermission() {
      window.asked = (window.asked ?? 0) + 1;
      return this.permission = "granted";
    }
    constructor(title, { body }) { window.shown.push([title, body]); window.latest = this; }
    close() {}
  };
"""


def _neighbours(net: Net) -> list[Daemon]:
    """Connected, in one room, and known to each other by nickname."""
    ana, ben = two_daemons(net)
    for daemon in (ana, ben):
        daemon.join("lobby")
    ben.connect(ana)
    eventually(lambda: ana.members("lobby") == 2 == ben.members("lobby"))
    eventually(lambda: [peer["nick"] for peer in ana.api("GET", "/v1/peers")] == ["ben"])
    return [ana, ben]


def test_a_name_and_a_block_are_kept_by_the_daemon(net: Net, pages: Pages) -> None:
    ana, ben = _neighbours(net)
    page = pages.open(ana, "#settings").page
    page.get_by_role("button", name="Rename ben").click()
    field = page.get_by_role("textbox", name="Your name for ben")
    expect(field).to_be_focused()
    field.fill("Benjamin")
    field.press("Enter")
    expect(page.get_by_text("calls themself ben")).to_be_visible()

    page.get_by_role("button", name="Block Benjamin").click()
    expect(page.get_by_role("button", name="Unblock Benjamin")).to_be_visible()
    assert [one["peer_id"] for one in ana.api("GET", "/v1/blocks")] == [ben.peer_id]
    page.get_by_role("button", name="Unblock Benjamin").click()
    expect(page.get_by_role("button", name="Block Benjamin", exact=True)).to_be_visible()
    assert ana.api("GET", "/v1/blocks") == []

    stranger = "12D3KooWEg4UMqjw7NPUE8anhTQrfLsuqqjXExynrhSKkfsGDcLc"
    page.get_by_role("textbox", name="Block somebody by ID").fill(stranger)
    page.keyboard.press("Enter")
    eventually(lambda: [one["peer_id"] for one in ana.api("GET", "/v1/blocks")] == [stranger])
    expect(page.locator(f'[data-rename="{stranger}"]')).to_be_visible()


def test_an_export_is_accepted_by_verify(net: Net, pages: Pages, tmp_path: Path) -> None:
    ana = net.daemon("ana", "--http", "127.0.0.1:0")
    ana.join("Grüße")
    for n in range(1200):  # more than one page of an export
        ana.send("Grüße", f"text {n} \u202e \N{ROCKET}")
    page = pages.open(ana, "#settings").page
    with page.expect_download() as started:
        page.get_by_role("button", name="Save as a file").click()
    name = started.value.suggested_filename
    assert name.startswith("Grüße-")
    assert name.endswith(".jsonl")
    started.value.save_as(tmp_path / name)
    assert "1200 records" in ana.cli("verify", str(tmp_path / name))
    expect(page.get_by_text("Saved: 1200 records.")).to_be_visible()


def test_notifications_come_for_what_was_asked_for(net: Net, pages: Pages) -> None:
    ana, ben = _neighbours(net)
    context = pages.context()
    context.add_init_script(NOTIFICATIONS)
    opened = pages.open(ana, "#settings", context=context)
    page = opened.page
    expect(page.get_by_role("button", name="Rename ben")).to_be_visible()
    assert page.evaluate("window.asked") is None

    page.get_by_label("When somebody mentions me in a room").check()
    assert page.evaluate("window.asked") == 1
    ben.send("lobby", "nobody is meant")
    ben.api("POST", "/v1/msg", {"to": ana.peer_id, "text": "not wanted yet"})
    ben.send("lobby", "Ana, look")
    page.wait_for_function("() => window.shown.length")
    assert page.evaluate("window.shown") == [["ben in lobby", "Ana, look"]]
    expect(page).to_have_title("(3) p2pd")  # so all three are here
    expect(page.locator("link[rel=icon]")).to_have_attribute("href", "/web/favicon-unread.svg")

    page.get_by_label("When somebody writes to me").check()
    ben.api("POST", "/v1/msg", {"to": ana.peer_id, "text": "wanted"})
    page.wait_for_function("window.shown.length === 2")
    assert page.evaluate("window.shown[1]") == ["ben", "wanted"]
    page.evaluate("window.latest.onclick()")
    expect(opened.message("wanted")).to_be_visible()
    assert page.url.endswith(peer(ben.peer_id))
    ben.api("POST", "/v1/msg", {"to": ana.peer_id, "text": "in sight"})
    expect(opened.message("in sight")).to_be_visible()
    assert page.evaluate("window.shown.length") == 2


def test_another_language_and_dark_colours_stay(net: Net, pages: Pages) -> None:
    page = pages.open(net.daemon("ana", "--http", "127.0.0.1:0"), "#settings").page
    page.get_by_label("Language").select_option(label="Français")
    expect(page.get_by_role("heading", name="Réglages")).to_be_visible()
    page.get_by_label("Couleurs").select_option(label="Sombre")
    page.reload()
    expect(page.get_by_role("heading", name="Réglages")).to_be_visible()
    assert page.evaluate("document.documentElement.lang") == "fr"
    assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "dark"
