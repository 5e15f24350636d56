"""Every rule id that code or documents name stands in docs/rules.md, in our own words."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
RULES = ROOT / "docs" / "rules.md"
FAMILIES = "AUD|CALL|CARD|CUST|GEN|LOCK|MAIL|ORD|REF|RETN|RMA|ROLE|RPT|SPLIT|SRCH|SUB|TXN|SEG|POL|GC|TKT|MRG|OE|QA|BLK|DECL"
CITED = re.compile(rf"\b(?:(?:{FAMILIES})-\d{{2}}|D-\d{{2}}|C-\d{{2}}|X-\d{{1,2}}|[IW]\d{{1,2}})\b")


def cited_ids() -> dict[str, str]:
    """Each cited id with one place where it is cited."""
    found: dict[str, str] = {}
    for folder, ending in (("cstui", "*.py"), ("tests", "*.py"), ("benchmarks", "*.py"), ("docs", "*.md")):
        for path in (ROOT / folder).rglob(ending):
            if path == RULES or "data" in path.relative_to(ROOT).parts:
                continue
            for line, text in enumerate(path.read_text().splitlines(), 1):
                for cited in CITED.findall(text):
                    found.setdefault(cited, f"{path.relative_to(ROOT)}:{line}")
    return found


def listed_ids() -> set[str]:
    return {match.group(1) for match in re.finditer(r"^\| ([A-Z]+-?\d+) \|", RULES.read_text(), re.MULTILINE)}


def test_every_cited_rule_is_explained() -> None:
    missing = {cited: place for cited, place in cited_ids().items() if cited not in listed_ids()}
    assert not missing, f"not in docs/rules.md: {missing}"


def test_no_rule_is_listed_twice() -> None:
    rows = re.findall(r"^\| ([A-Z]+-?\d+) \|", RULES.read_text(), re.MULTILINE)
    assert len(rows) == len(set(rows))


def test_the_repository_speaks_of_itself_alone() -> None:
    pages = "decisions|features|reliability|usability|gateways"
    forbidden = re.compile(rf"\.\./shared|shared/spec|shared/design|\b(?:{pages})\.md\b")
    guilty = [
        f"{path.relative_to(ROOT)}:{line}"
        for folder in ("cstui", "docs", "benchmarks")
        for path in (ROOT / folder).rglob("*")
        if path.suffix in (".py", ".md", ".toml", ".tcss")
        for line, text in enumerate(path.read_text().splitlines(), 1)
        if forbidden.search(text)
    ]
    assert not guilty
