"""English, German and French: as the browser asks, as the person chooses, and no word is missing anywhere."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from e2e.harness import Daemon, open_net
from playwright.sync_api import expect
from web.harness import Pages, peer, room
from web.views import ROOM, settle

WORDS = {
    "en-US": ("en", "Network", "Settings", "Language"),
    "de-DE": ("de", "Netz", "Einstellungen", "Sprache"),
    "fr-FR": ("fr", "Réseau", "Réglages|Paramètres", "Langue"),
}
# Texts and labels that are a key of the table of words, or have a placeholder left.
KEYS = r"""() => {
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) found.push(walker.currentNode.data.trim());
  for (const name of ["aria-label", "title", "placeholder"]) {
    for (const one of document.querySelectorAll(`[${name}]`)) found.push(one.getAttribute(name));
  }
  return found.filter((text) => /^[a-z]+(\.[a-z]+)+$/.test(text) || /\{\w+\}/.test(text));
}"""


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Daemon, Daemon]]:
    with open_net(tmp_path_factory.mktemp("languages")) as net:
        yield settle(net)


@pytest.mark.parametrize("locale", WORDS)
def test_the_page_speaks_the_browsers_language(
    nodes: tuple[Daemon, Daemon], pages: Pages, locale: str
) -> None:
    ana, ben = nodes
    language, network, settings, _ = WORDS[locale]
    opened = pages.open(ana, locale=locale)
    expect(opened.page.locator("html")).to_have_attribute("lang", language)
    navigation = opened.page.get_by_role("navigation")
    expect(navigation.get_by_role("link", name=network, exact=True)).to_be_visible()
    expect(navigation.get_by_role("link", name=re.compile(f"^ ?({settings})$"))).to_be_visible()
    for where in ("#start", room(ROOM), peer(ben.peer_id), "#network", "#settings", room("elsewhere")):
        opened.show(where)
        expect(opened.page.get_by_role("heading", level=1)).to_be_visible()
        assert opened.page.evaluate(KEYS) == [], where
    for path in ("receive", "send"):
        opened.page.goto(f"{opened.base}/{path}")
        expect(opened.page.get_by_role("heading", level=1)).to_be_visible()
        assert opened.page.evaluate(KEYS) == [], path


def test_a_language_that_is_chosen_stays(nodes: tuple[Daemon, Daemon], pages: Pages) -> None:
    opened = pages.open(nodes[0], "#settings")
    for locale, (language, _, settings, label) in WORDS.items():
        opened.page.get_by_role("combobox").nth(1).select_option(language)
        expect(opened.page.locator("html")).to_have_attribute("lang", language)
        expect(opened.page.get_by_role("heading", level=1, name=re.compile(settings))).to_be_visible()
        expect(opened.page.get_by_role("combobox", name=label)).to_have_value(language)
        opened.page.reload()
        expect(opened.page.get_by_role("heading", level=1, name=re.compile(settings))).to_be_visible()
        assert opened.page.locator("html").get_attribute("lang") == locale[:2]


def test_an_unknown_language_gets_english(nodes: tuple[Daemon, Daemon], pages: Pages) -> None:
    opened = pages.open(nodes[0], locale="ja-JP")
    expect(opened.page.locator("html")).to_have_attribute("lang", "en")
    expect(opened.page.get_by_role("link", name="Settings")).to_be_visible()
