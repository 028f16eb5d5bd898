import re
import string
from pathlib import Path

import pytest

import executor_adapters.acceptance
from executor_adapters.acceptance.cases import CASES
from executor_adapters.acceptance.checklist import ITEMS
from executor_adapters.acceptance.result import Decision
from executor_adapters.acceptance.words import WORDS, Language, Words

THAI = re.compile(r"[\u0e01-\u0e5b]")
SAME_IN_BOTH = {"env.api", "head.run", "seen.error"}
SOURCE = Path(executor_adapters.acceptance.__file__).parent


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("key", WORDS)
def test_both_languages_have_the_sentence_with_the_same_things_to_fill_in(key: str) -> None:
    english, thai = WORDS[key]
    assert english.strip() == english != ""
    assert thai.strip() == thai != ""
    assert placeholders(english) == placeholders(thai)
    assert not THAI.search(english)
    assert THAI.search(thai) or key in SAME_IN_BOTH


@pytest.mark.parametrize("language", Language)
def test_every_case_item_and_decision_has_its_words(language: Language) -> None:
    words = Words(language)
    for case in CASES:
        assert all(words(f"{kind}.{case}") for kind in ("about", "impact", "action"))
    assert all(words(f"item.{item}") for item in ITEMS)
    assert all(words(f"decision.{decision}") for decision in Decision)


def test_every_field_and_note_that_a_case_uses_has_words() -> None:
    trial = (SOURCE / "trial.py").read_text()
    fields = set(re.findall(r'found\.check\(\s*"(\w+)"', trial))
    notes = set(re.findall(r'found\.note\(\s*"(\w+)"', trial)) | {"index_not_found", "index_found"}
    assert len(fields) > 20
    assert {f"field.{name}" for name in fields} <= WORDS.keys()
    assert {f"note.{name}" for name in notes} <= WORDS.keys()


def test_no_field_or_note_is_left_over() -> None:
    used = "".join(path.read_text() for path in SOURCE.glob("*.py") if path.name != "words.py")
    for key in WORDS:
        kind, _, name = key.partition(".")
        if kind in ("field", "note"):
            assert name in used or name.startswith("fault_"), key


def test_a_sentence_is_filled_in() -> None:
    assert Words(Language.EN)("seen.switch_on", switches="conn-001") == "on: conn-001; turn it off first"
    assert "conn-001" in Words(Language.TH)("seen.switch_on", switches="conn-001")
