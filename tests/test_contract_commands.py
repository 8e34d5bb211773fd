"""``settle contract``: what is wrong is told with its line, what holds with its boundary cases; and the page."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import lxml.html
import pytest
from payout_home import us_account, with_account
from rate.histories import contract_documents

from settlement import account_books, books, cli, store
from settlement.account_books import ProposedAccount
from settlement.home import create_home

REPOSITORY = Path(__file__).resolve().parents[1]
RETAILER = contract_documents()["contracts/harbor-retail/2009-01-01.toml"]
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def settle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["settle", "contract", *words])
        with pytest.raises(SystemExit) as left:
            cli.main()
        told = capsys.readouterr()
        return int(left.value.code or 0), told.out, told.err

    return run


def test_a_contract_that_holds_leaves_with_0_and_its_boundary_cases(settle: Run) -> None:
    Path("2009-01-01.toml").write_text(RETAILER, "utf-8")
    code, out, err = settle("check", "2009-01-01.toml")
    assert (code, err) == (0, "")
    assert "C2-RET-COBRAND holds from 2009-01-01: 4 terms, 8 examples as worked out, 0 warnings." in out
    assert re.search(r"^3 +annual_volume_tier +year_volume -0.01 +0.00$", out, re.MULTILINE)
    assert re.search(r"^ +year_volume 4,000,000.00 +8,000.00$", out, re.MULTILINE)
    assert "Boundary cases" not in settle("check", "2009-01-01.toml", "--no-cases")[1]


def test_every_problem_is_told_with_number_and_text_of_its_line_and_leaves_with_2(settle: Run) -> None:
    text = RETAILER.replace("threshold = 100.00", "threshold = 100.005").replace(
        "to = 4_000_000.00", "to = 3_999_999.99"
    )
    Path("2009-01-01.toml").write_text(text, "utf-8")
    code, out, err = settle("check", "2009-01-01.toml")
    assert code == cli.PERSON_MUST_ACT
    assert err == "settle: 2009-01-01.toml: 2 problems; mend what is told above.\n"
    number = text.splitlines().index("threshold = 100.005") + 1
    assert f"problem in line {number}: [settlement], threshold: 100.005 USD is no amount of money" in out
    assert f"\n   {number} | threshold = 100.005\n" in out
    assert "write `to = 4_000_000.00` in the tier before" in out
    assert "|     { from = 2_000_000.00, to = 3_999_999.99, rate = 0.0015 },\n" in out


def test_a_file_that_is_no_toml_no_text_or_no_file_is_told(settle: Run) -> None:
    Path("2009-01-01.toml").write_bytes(RETAILER.encode("utf-16"))
    assert "save it as UTF-8" in settle("check", "2009-01-01.toml")[2]
    Path("2009-01-01.toml").write_text(RETAILER.replace("loss_share = 0.25", "loss_share = 25 %"), "utf-8")
    code, out, _ = settle("check", "2009-01-01.toml")
    assert code == cli.PERSON_MUST_ACT
    assert "a rate is written as a plain decimal without a sign: 0.30 % is 0.0030" in out
    assert "| loss_share = 25 %" in out
    assert "is a folder" in settle("check", ".")[2]
    assert settle("check", "none.toml")[0] != 0


def test_a_file_saved_with_the_mark_of_a_word_processor_is_read(settle: Run) -> None:
    Path("2009-01-01.toml").write_text(RETAILER, "utf-8-sig")
    assert settle("check", "2009-01-01.toml")[0] == 0


def test_a_contract_beside_a_programme_is_held_against_it(settle: Run, tmp_path: Path) -> None:
    shutil.copytree(REPOSITORY / "contracts", tmp_path / "config" / "contracts")
    (tmp_path / "config" / "contracts" / "programme.toml").rename(tmp_path / "config" / "programme.toml")
    file = tmp_path / "config" / "contracts" / "harbor-retail" / "2009-01-01.toml"
    assert "0 warnings" in settle("check", str(file))[1]
    file.write_text(RETAILER.replace('programme = "RET"', 'programme = "RTE"'), "utf-8")
    code, out, _ = settle("check", str(file))
    assert code == 0
    assert "programme: `RTE` is no programme of programme.toml; did you mean `RET`?" in out
    assert '| programme = "RTE"' in out
    file.write_text(RETAILER.replace('programme = "RET"', 'programme = "CLB"'), "utf-8")
    assert "the cards of programme CLB are in CNY, the contract in USD" in settle("check", str(file))[1]


def test_a_beneficiary_without_an_account_that_can_be_paid_is_told_where_a_home_is_named(
    settle: Run, tmp_path: Path
) -> None:
    create_home(tmp_path / "home", None)
    home = store.open_home(tmp_path / "home")
    Path("2009-01-01.toml").write_text(RETAILER, "utf-8")
    with_account(home, "HARBOR-RETAIL")
    proposed = ProposedAccount(partner="HARBOR-LOYALTY", currency="USD", holder="Loyalty", account=us_account())
    account = account_books.propose(books.connect(home), proposed, "ann", "2010-12-01T09:00:00Z")
    code, out, _ = settle("check", "2009-01-01.toml", "--home", str(home.root))
    assert code == 0
    assert "2 warnings" in out
    number = RETAILER.splitlines().index('id = "HARBOR-LOYALTY"') + 1
    told = f"warning in line {number}: beneficiary HARBOR-LOYALTY: it cannot be paid in USD: the bank account"
    assert f"{told} {account.account_id} is proposed: another person approves it" in out
    assert "beneficiary HARBOR-FOUNDATION: it cannot be paid in USD: no bank account is known" in out
    assert "beneficiary HARBOR-RETAIL" not in out


def test_a_contract_is_told_on_screen_and_as_pages(settle: Run) -> None:
    Path("2009-01-01.toml").write_text(RETAILER, "utf-8")
    code, out, _ = settle("show", "2009-01-01.toml")
    assert code == 0
    assert "0.30 % of own volume." in out
    assert "3. split: The total is split 7 : 5 : 3" in out
    code, out, _ = settle("show", "2009-01-01.toml", "--html", "page.html", "--markdown", "page.md")
    assert (code, out) == (0, "C2-RET-COBRAND is told in page.html and page.md.\n")
    page = lxml.html.fromstring(Path("page.html").read_bytes())
    assert [step.text_content().split(".")[0] for step in page.xpath("//ol/li")] == [
        "terms",
        "adjustments",
        "split",
        "carry",
        "threshold",
    ]
    markdown = Path("page.md").read_text("utf-8")
    assert "> 0.30 % of own-store volume, rounded once per quarter.\n" in markdown
    assert "- **own\\_store\\_rate**: 0.30 % of own volume." in markdown
    assert "is the contract itself" in settle("show", "2009-01-01.toml", "--html", "2009-01-01.toml")[2]
    assert Path("2009-01-01.toml").read_text("utf-8") == RETAILER


def test_what_does_not_hold_is_not_shown(settle: Run) -> None:
    Path("2009-01-01.toml").write_text(RETAILER.replace("weight = 5", "weight = 0"), "utf-8")
    code, out, err = settle("show", "2009-01-01.toml", "--html", "page.html")
    assert (code, out) == (cli.PERSON_MUST_ACT, "")
    assert "beneficiary HARBOR-LOYALTY" in err
    assert not Path("page.html").exists()
