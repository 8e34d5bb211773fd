"""Contract files: those of the repository load, and what is wrong in a file is told so that it can be mended."""

from __future__ import annotations

from pathlib import Path

import pytest
from rate.histories import contract_documents

from settlement.errors import TerminalError
from settlement.rate.contract_file import read_contracts

GOLDEN = sorted((Path(__file__).resolve().parents[1] / "golden" / "contracts").glob("*.toml"))
SOURCE = "contracts/partner/2009-01-01.toml"


def refusal(documents: dict[str, str]) -> str:
    with pytest.raises(TerminalError) as caught:
        read_contracts(documents)
    return str(caught.value)


@pytest.mark.parametrize("path", GOLDEN, ids=[path.stem for path in GOLDEN])
def test_a_broken_contract_is_refused_by_one_sentence(path: Path) -> None:
    assert refusal({SOURCE: path.read_text(encoding="utf-8")}) == path.with_suffix(".txt").read_text("utf-8").strip()


def test_there_are_broken_contracts_to_refuse() -> None:
    assert len(GOLDEN) >= 100


def test_the_contracts_of_the_repository_load_and_their_examples_come_out() -> None:
    contracts = read_contracts(contract_documents())
    assert {"C2-RET-COBRAND", "C3-UNI-ALUMNI"} <= contracts.keys()
    for versions in contracts.values():
        illustrated = {example.term for example in versions[0].contract.examples}
        assert illustrated == {term.id for term in versions[0].contract.terms}


@pytest.mark.parametrize("source", sorted(contract_documents()))
def test_every_example_bites(source: str) -> None:
    text = contract_documents()[source]
    for number in range(text.count("\ngives = ")):
        parts = text.split("\ngives = ")
        parts[number + 1] = "987_654.32\n" + parts[number + 1].split("\n", 1)[1]
        assert f"example {number + 1} (" in refusal({source: "\ngives = ".join(parts)})


def test_an_amendment_is_a_new_file_of_the_same_contract() -> None:
    text = contract_documents()["contracts/alma-mater/2009-01-01.toml"]
    later = "contracts/alma-mater/2011-04-01.toml"
    (versions,) = read_contracts({later: text, "contracts/alma-mater/2009-01-01.toml": text}).values()
    assert [version.effective.isoformat() for version in versions] == ["2009-01-01", "2011-04-01"]


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        (("p/2009-01-02",), "name the file 2009-01-01.toml or 2009-04-01.toml"),
        (("p/spring",), "call it YYYY-MM-DD.toml"),
        (("p/2009-01-01", "q/2009-01-01"), "both say contract C3-UNI-ALUMNI from 2009-01-01: keep one"),
    ],
)
def test_a_contract_file_is_named_by_the_day_from_which_it_is_in_force(names: tuple[str, ...], sentence: str) -> None:
    text = contract_documents()["contracts/alma-mater/2009-01-01.toml"]
    assert sentence in refusal({f"contracts/{name}.toml": text for name in names})


def test_a_contract_keeps_its_calendar() -> None:
    text = contract_documents()["contracts/alma-mater/2009-01-01.toml"]
    other = text.replace('calendar = "quarter"', 'calendar = "month"')
    assert "changes from quarter to month" in refusal(
        {"contracts/p/2009-01-01.toml": text, "contracts/p/2010-01-01.toml": other}
    )


@pytest.mark.parametrize(
    "content", ["", "id = 3", "terms = 'none'", "[measures]\nx = 1", "\x00", "id = nan", "[[terms]]"]
)
def test_any_other_content_is_refused_by_a_sentence_too(content: str) -> None:
    told = refusal({SOURCE: content})
    assert told.startswith(SOURCE)
    assert "\n" not in told
