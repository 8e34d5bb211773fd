"""Every example of docs/RULES.md runs as it stands and gives what is printed; the schema is current."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import jsonschema
import pytest

from settlement import cli
from settlement.reconcile.rules import read_rules
from settlement.reconcile.schema import rules_schema

DOCS = Path(__file__).resolve().parents[2] / "docs"
CHAPTERS = {
    chapter.partition("\n")[0]: dict(re.findall(r"^```\w+ (\S+)\n(.*?)^```", chapter, re.DOTALL | re.MULTILINE))
    for chapter in (DOCS / "RULES.md").read_text(encoding="utf-8").split("\n## ")[1:]
    if "```toml rules.toml" in chapter or "```sh commands" in chapter
}


def test_the_page_has_its_examples() -> None:
    assert len(CHAPTERS) >= 20


def ran(command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> tuple[object, str, str]:
    """The exit code of a command, and what it says."""
    capsys.readouterr()
    monkeypatch.setattr("sys.argv", command.split())
    with pytest.raises(SystemExit) as left:
        cli.main()
    told = capsys.readouterr()
    return left.value.code, told.out, told.err


@pytest.mark.parametrize("chapter", sorted(CHAPTERS))
def test_an_example_gives_what_the_page_prints(
    chapter: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    blocks = dict(CHAPTERS[chapter])
    commands = blocks.pop("commands", "settle match left.csv right.csv --rules rules.toml --out out").splitlines()
    said, refused, complaint = (blocks.pop(name, None) for name in ("terminal", "refused", "complaint"))
    made = [Path(command.partition("--out ")[2].split()[0]) for command in commands if "--out " in command]
    for name, text in blocks.items():
        if not any(Path(name).is_relative_to(out) for out in made):
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    for command in commands:
        code, told, err = ran(command, monkeypatch, capsys)
        assert not code, err
    assert said is None or told == said
    if refused is not None:
        code, told, err = ran(refused, monkeypatch, capsys)
        assert code
        assert told + err == complaint
    for name, text in blocks.items():
        assert (tmp_path / name).read_text(encoding="utf-8") == text, name


def test_the_schema_is_made_from_the_language() -> None:
    assert (DOCS / "rules.schema.json").read_text(encoding="utf-8") == rules_schema(), (
        "run: python -m settlement.reconcile.schema > docs/rules.schema.json"
    )


def test_the_schema_takes_the_examples_and_refuses_an_unknown_word() -> None:
    schema = json.loads(rules_schema())
    jsonschema.Draft202012Validator.check_schema(schema)
    found = jsonschema.Draft202012Validator(schema)
    for chapter, name, text in ((chapter, *block) for chapter, blocks in CHAPTERS.items() for block in blocks.items()):
        if name.endswith(".toml"):
            read_rules(text, f"{chapter}: {name}")
            content = json.loads(json.dumps(tomllib.loads(text), default=str))
            found.validate(content)
            assert not found.is_valid(content | {"pas": []})
