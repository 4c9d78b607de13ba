"""Imports that are put off, with packages made for it: what runs when, and that what is used is the real thing."""

from __future__ import annotations

import sys
import threading
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from p2pd_daemon import deferred
from p2pd_daemon.deferred import StandIn, defer, deferred_modules

NAMES = ("Tool", "Tool.make", "work")


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """`lazy` with the submodules `lazy.part` and `lazy.tools`; the package and `lazy.tools` are put off."""
    folder = tmp_path / "lazy"
    folder.mkdir()
    (folder / "__init__.py").write_text("from lazy.tools import Tool\nversion = 3\n")
    (folder / "part.py").write_text("from lazy.tools import Tool, work\nhere = 1\n")
    (folder / "tools.py").write_text(
        "LIMIT = 7\n"
        "class Tool:\n"
        "    def __init__(self, size): self.size = size\n"
        "    @classmethod\n"
        "    def make(cls, size): return cls(size)\n"
        "def work(first, *, second): return first + second\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    defer({"lazy": (), "lazy.tools": NAMES, "lazy.absent": ()})
    yield folder
    for name in [name for name in sys.modules if name.partition(".")[0] == "lazy"]:
        del sys.modules[name]


def waiting() -> list[str]:
    """Of the package's modules; the node's own are put off as well where another test has imported it."""
    return [name for name in deferred_modules() if name.partition(".")[0] == "lazy"]


def load(name: str) -> Any:
    return __import__(name, fromlist=["x"]) if "." in name else __import__(name)


def test_a_submodule_runs_neither_its_package_nor_what_it_only_names(package: Path) -> None:
    part = load("lazy.part")
    assert part.here == 1
    assert waiting() == ["lazy", "lazy.tools"]
    assert isinstance(part.Tool, StandIn)


def test_what_is_used_is_the_real_thing(package: Path) -> None:
    part = load("lazy.part")
    make = part.Tool.make  # listed, so that it can be put into a table without being imported
    assert not isinstance(3, part.Tool)
    assert waiting() == ["lazy", "lazy.tools"]
    tool = make(5)
    assert tool.size == 5
    assert type(tool) is sys.modules["lazy.tools"].Tool
    assert isinstance(tool, part.Tool)
    assert part.work(1, second=2) == 3
    assert part.Tool.__name__ == "Tool"
    assert isinstance(types.new_class("Sub", types.resolve_bases((part.Tool,)))(4), type(tool))
    assert waiting() == ["lazy"]
    assert load("lazy").version == 3
    assert waiting() == []
    assert type(sys.modules["lazy"]) is types.ModuleType


def test_a_stand_in_can_be_a_base_class_and_a_part_of_a_type(package: Path) -> None:
    part = load("lazy.part")
    assert (int | part.Tool) == (part.Tool | int)
    assert waiting() == ["lazy", "lazy.tools"]

    class Better(part.Tool):  # type: ignore[misc]
        pass

    assert Better(9).size == 9


def test_what_is_not_listed_is_not_put_off(package: Path) -> None:
    from lazy.tools import LIMIT  # type: ignore[import-not-found]

    assert LIMIT == 7
    with pytest.raises(ImportError, match="nothing"):
        from lazy.tools import nothing  # noqa: F401
    with pytest.raises(ModuleNotFoundError):
        import lazy.absent  # type: ignore[import-not-found]  # noqa: F401


def test_a_body_that_fails_is_tried_again(package: Path) -> None:
    good = (package / "tools.py").read_text()
    (package / "tools.py").write_text("raise OSError('not now')\n")
    part = load("lazy.part")
    for _ in range(2):
        with pytest.raises(OSError, match="not now"):
            part.work(1, second=1)
    (package / "tools.py").write_text(good)
    assert part.work(1, second=1) == 2


def test_a_module_that_was_imported_before_stays_as_it_is(package: Path) -> None:
    before = sys.modules["json"]
    defer({"json": ()})
    import json

    assert json is before
    assert not deferred._is_deferred(json)


def test_another_thread_waits_for_the_body(package: Path) -> None:
    """zeroconf is imported in a worker thread, and with it what we have put off."""
    begun, may_go_on = threading.Event(), threading.Event()
    vars(sys)["lazy_test"] = (begun, may_go_on)
    (package / "tools.py").write_text(
        "import sys\nsys.lazy_test[0].set()\nassert sys.lazy_test[1].wait(5)\nLIMIT = 7\n"
    )
    tools = load("lazy.tools")
    found: list[object] = []
    ask = [threading.Thread(target=lambda: found.append(getattr(tools, "LIMIT", None))) for _ in range(2)]
    ask[0].start()
    assert begun.wait(5)
    ask[1].start()
    ask[1].join(0.1)
    may_go_on.set()
    for thread in ask:
        thread.join(5)
    del vars(sys)["lazy_test"]
    assert found == [7, 7]
