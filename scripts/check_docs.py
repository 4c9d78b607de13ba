"""Checks that the documentation is true where a program can tell: generated pages, links, settings, the version."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from p2pd_daemon.settings import setting_keys
from p2pd_daemon.version import __version__

ROOT = Path(__file__).parent.parent
GENERATED = ("gen_commands_doc.py", "gen_api_doc.py", "gen_interop_table.py")
LINK = re.compile(r"\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```", re.M | re.S)


def main() -> int:
    faults = [*generated_faults(), *link_faults(), *setting_faults(), *version_faults()]
    for fault in faults:
        print(f"docs: {fault}", file=sys.stderr)
    return 1 if faults else 0


def generated_faults() -> Iterator[str]:
    for script in GENERATED:
        done = subprocess.run([sys.executable, ROOT / "scripts" / script, "--check"], check=False)
        if done.returncode:
            yield f"a generated page is out of date: run scripts/{script}"


def link_faults() -> Iterator[str]:
    """Relative links must lead to a file, and anchors to a heading."""
    for page in pages():
        for target in LINK.findall(FENCE.sub("", page.read_text(encoding="utf-8"))):
            if "://" in target or target.startswith("mailto:"):
                continue
            path, _, anchor = target.partition("#")
            there = (page.parent / path) if path else page
            if not there.exists():
                yield f"{page.relative_to(ROOT)}: there is no {target}"
            elif anchor and anchor not in anchors(there):
                yield f"{page.relative_to(ROOT)}: no heading for {target}"


def setting_faults() -> Iterator[str]:
    text = (ROOT / "docs" / "CONFIGURATION.md").read_text(encoding="utf-8")
    for key in setting_keys():
        if f"`{key}`" not in text:
            yield f"docs/CONFIGURATION.md does not tell of {key}"


def version_faults() -> Iterator[str]:
    if f"## {__version__}" not in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"):
        yield f"CHANGELOG.md has no section for {__version__}"


def pages() -> list[Path]:
    return [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]


def anchors(page: Path) -> set[str]:
    """As GitHub makes them from headings."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text(encoding="utf-8")), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


if __name__ == "__main__":
    sys.exit(main())
