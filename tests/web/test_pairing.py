"""Receiver and Sender, as in the demos: one page shows its ID and waits, the other pastes it and talks. Two clicks."""

from __future__ import annotations

import re

from e2e.harness import Net
from playwright.sync_api import expect
from web.harness import Opened, Pages, two_daemons


def test_receiver_and_sender_talk_after_two_clicks(net: Net, pages: Pages) -> None:
    ana, ben = two_daemons(net)
    receiver = pages.open(ana, path="receive", permissions=["clipboard-read", "clipboard-write"])
    expect(receiver.page.get_by_text("Waiting …")).to_be_visible()
    expect(receiver.page.get_by_role("img", name=re.compile("^QR code"))).to_be_visible()
    receiver.page.get_by_role(
        "button", name=re.compile("^Copy this address|^Copy your")
    ).click()  # the first click
    expect(receiver.page.get_by_role("button", name="Copied")).to_be_visible()
    handed_over = receiver.page.evaluate("navigator.clipboard.readText()")
    assert handed_over.endswith(ana.peer_id)

    sender = pages.open(ben, path="send")
    field = sender.page.get_by_role("textbox", name="Paste an ID or address")
    expect(field).to_be_focused()
    field.fill(handed_over)
    sender.page.get_by_role("button", name="Connect").click()  # the second

    expect(sender.page.get_by_text("You are talking with")).to_be_visible()
    sender.say("hello receiver")
    expect(receiver.page.get_by_text("You are talking with ben")).to_be_visible()
    expect(receiver.message("hello receiver")).to_be_visible()
    receiver.say("hello sender")
    expect(sender.message("hello sender")).to_be_visible()
    expect(sender.page.get_by_text("You are talking with ana")).to_be_visible()
    for opened in (sender, receiver):
        assert_in_order(opened, ["hello receiver", "hello sender"])


def test_the_receiver_opens_for_who_connects_before_a_word_is_said(net: Net, pages: Pages) -> None:
    ana, ben = two_daemons(net)
    receiver = pages.open(ana, path="receive")
    expect(receiver.page.get_by_text("Waiting …")).to_be_visible()
    ben.connect(ana)
    expect(receiver.page.get_by_text(re.compile("You are talking with"))).to_be_visible()
    expect(receiver.box).to_be_visible()


def test_what_cannot_be_reached_is_said_at_the_field(net: Net, pages: Pages) -> None:
    ben = net.daemon("ben", "--http", "127.0.0.1:0")
    sender = pages.open(ben, path="send")
    sender.expect_errors("status of 4", "status of 5")
    field = sender.page.get_by_role("textbox", name="Paste an ID or address")
    for wrong in ("nonsense", "/ip4/127.0.0.1/tcp/1/p2p/" + ben.peer_id):
        field.fill(wrong)
        sender.page.get_by_role("button", name="Connect").click()
        expect(field).to_have_attribute("aria-invalid", "true")
        expect(sender.page.get_by_role("alert").filter(has_text=re.compile(r"\w{4}")).first).to_be_visible()
        expect(field).to_have_value(wrong)


def assert_in_order(opened: Opened, texts: list[str]) -> None:
    expect(opened.page.get_by_role("log").locator(".body")).to_have_text(texts)
