"""``settle contract diff`` and ``simulate`` as a person meets them; the goldens are what is printed of the sample."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from lxml import etree, html

from settlement import cli
from settlement.home import contracts_folder
from settlement.store import Home

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "whatif"
RETAIL = "harbor-retail/2009-01-01.toml"
Settle = Callable[..., str]


@pytest.fixture
def settle(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Settle:
    """Runs a command among the shipped contracts, and gives back what it prints."""
    monkeypatch.chdir(contracts_folder())

    def run(*words: object, code: int = 0) -> str:
        monkeypatch.setattr("sys.argv", ["settle", "contract", *map(str, words)])
        with pytest.raises(SystemExit) as left:
            cli.main()
        told = capsys.readouterr()
        assert (left.value.code or 0) == code, told.err
        return told.err if code else told.out

    return run


@pytest.fixture
def amended(tmp_path: Path) -> Path:
    """The retailer's contract with another rate, a bound, a weight, and words that say the first of them."""
    target = tmp_path / "2010-01-01.toml"
    read = (contracts_folder() / RETAIL).read_text(encoding="utf-8")
    text = "examples = []\n" + read.partition("[[examples]]")[0]
    for old, new in (
        ("\nrate = 0.0030", "\nrate = 0.0035"),
        ("0.30 % of own-store", "0.35 % of own-store"),
        ("2_000_000.00", "2_500_000.00"),
        ("weight = 7", "weight = 8"),
    ):
        assert old in text
        text = text.replace(old, new)
    target.write_text(text, encoding="utf-8")
    return target


def test_a_simulation_without_changes_prints_what_the_nights_gave(settle: Settle, settled_home: Home) -> None:
    told = settle("simulate", RETAIL, "--home", settled_home.root)
    assert told == (GOLDEN / "simulate.txt").read_text(encoding="utf-8")


def test_a_simulation_with_changes_prints_before_and_after(settle: Settle, settled_home: Home) -> None:
    told = settle(
        *("simulate", "meridian-air/2009-01-01.toml", "--home", settled_home.root, "--as-of", "2025-12-31"),
        *("--set", "miles_purchase.prices.2.price=0.0200", "--set", "minimum_guarantee.guarantee=100_000.00"),
    )
    assert told == (GOLDEN / "simulate_changed.txt").read_text(encoding="utf-8")


def test_a_difference_is_told_in_words_and_in_money(settle: Settle, settled_home: Home, amended: Path) -> None:
    words = ("diff", RETAIL, amended, "--home", settled_home.root, "--from", "2025-12-30", "--to", "2025-12-31")
    told = settle(*words).replace(str(amended), "amended/2010-01-01.toml")
    assert told == (GOLDEN / "diff.txt").read_text(encoding="utf-8")
    assert told.startswith(settle("diff", RETAIL, amended))


def test_a_file_and_itself_do_not_differ(settle: Settle, settled_home: Home) -> None:
    assert settle("diff", RETAIL, RETAIL) == "The contracts say the same.\n"
    rows = settle("diff", RETAIL, RETAIL, "--home", settled_home.root).splitlines()
    table = [line for line in rows if line.endswith("  USD")]
    assert len(table) > 30
    assert all(line.split()[-2] == "\u2013" for line in table)


def test_nothing_in_the_home_is_written(settle: Settle, settled_home: Home, amended: Path) -> None:
    before = _digests(settled_home)
    settle("diff", RETAIL, amended, "--home", settled_home.root)
    settle("simulate", RETAIL, "--home", settled_home.root, "--set", "1.rate=0.01")
    assert _digests(settled_home) == before


def _digests(home: Home) -> dict[str, str]:
    files = [path for path in sorted(home.root.rglob("*")) if path.is_file()]
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_page_chart_and_table_are_written(settle: Settle, settled_home: Home, tmp_path: Path) -> None:
    words = ("simulate", RETAIL, "--home", settled_home.root, "--set", 'settlement.clause="statement"', "--out")
    for ending in ("html", "svg", "csv", "parquet"):
        told = settle(*words, tmp_path / f"what.{ending}")
        assert told.endswith(f"It is in {tmp_path}/what.{ending}.\n")
    page = html.fromstring((tmp_path / "what.html").read_text(encoding="utf-8"))
    assert page.findtext(".//h1") == f'C2-RET-COBRAND: {RETAIL} with settlement.clause="statement"'
    assert [cell.text for cell in page.findall(".//thead//th")][2:5] == ["Before", "After", "Difference"]
    drawn = etree.fromstring((tmp_path / "what.svg").read_bytes())
    spoken = drawn.findtext("{*}desc")
    assert spoken is not None
    assert "2025-Q4 as it is" in spoken
    assert "currentColor" not in etree.tostring(drawn, encoding="unicode")
    table = pl.read_parquet(tmp_path / "what.parquet")
    assert table.columns[-3:] == ["before_minor", "after_minor", "difference_minor"]
    assert table["difference_minor"].sum() == 0
    assert pl.read_csv(tmp_path / "what.csv").height == table.height
    settle("simulate", RETAIL, "--home", settled_home.root, "--out", tmp_path / "one.csv")
    assert pl.read_csv(tmp_path / "one.csv").columns == ["period", "term", "beneficiary", "currency", "amount_minor"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["simulate", "nowhere.toml"], "nowhere.toml is no contract file"),
        (["simulate", RETAIL, "--as-of", "2030-01-01"], "Nothing is known as of 2030-01-01"),
        (["simulate", RETAIL, "--from", "2026-01-01", "--to", "2025-12-31"], "lies after --to"),
        (["simulate", RETAIL, "--from", "2027-01-01", "--to", "2027-01-31"], "No period from 2027-01-01"),
        (["simulate", RETAIL, "--from", "yesterday"], "write it as YYYY-MM-DD"),
        (["simulate", RETAIL, "--out", "what.pdf"], "end its name in .html, .svg, .csv or .parquet"),
        (["simulate", RETAIL, "--set", "1.ratte=1"], "did you mean `rate`?"),
        (["diff", RETAIL, "orient-estate/2009-01-01.toml"], "is not set beside one another"),
    ],
)
def test_what_cannot_be_tried_is_one_sentence(
    settle: Settle, settled_home: Home, words: list[str], sentence: str
) -> None:
    told = settle(*words, "--home", settled_home.root, code=2)
    assert sentence in told
    assert told.startswith("settle: ")
    assert told.count("\n") == 1
