"""The documentation's examples run as they stand, in the order in which a reader meets them."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from warm_process import ended, settle

from settlement.model.tables_page import tables_page

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGES = ("OPERATIONS.md", "AUDIT.md", "EVIDENCE.md")


def _commands(page: str) -> list[str]:
    blocks = re.findall(r"^```sh\n(.*?)^```", (DOCS / page).read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    return [line for block in blocks for line in block.splitlines() if line.startswith("settle ")]


def test_the_commands_of_the_pages(tmp_path: Path) -> None:
    # What two pages say, be it in another order of its words, is done once.
    commands = {frozenset(shlex.split(command)): command for page in PAGES for command in _commands(page)}
    assert len(commands) >= 9
    for command in commands.values():
        code, told = ended(tmp_path / "said", settle, str(tmp_path), *shlex.split(command)[1:])
        assert code == 0, f"{command}\n{told}"
    assert (tmp_path / "breaks.csv").exists()
    assert (tmp_path / "home" / "report" / "business_date=2025-12-31" / "index.html").exists()


def test_the_page_of_tables_is_made_from_the_model() -> None:
    assert (DOCS / "TABLES.md").read_text(encoding="utf-8") == tables_page(), (
        "run: python -m settlement.model.tables_page > docs/TABLES.md"
    )


def test_every_link_between_pages_leads_somewhere() -> None:
    root = DOCS.parent
    for page in (root / "README.md", *DOCS.rglob("*.md")):
        for target in re.findall(r"\]\(([^)#:]+?)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
