"""A name is one name in whatever Unicode form, case, width or spacing."""

from __future__ import annotations

import unicodedata

import pytest

from sameplayer.common.names import clean_name, control_character, is_one_line, name_key
from sameplayer.errors import DataError

COMPOSED = unicodedata.normalize("NFC", "José Núñez")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (COMPOSED, unicodedata.normalize("NFD", COMPOSED)),
        (COMPOSED, "  JOSÉ \t NÚÑEZ "),
        ("Weiß", "WEISS"),
        ("Ann Lee", "Ann\u00a0Lee"),
        ("Ann", "\uff21\uff4e\uff4e"),  # full-width
        ("タナカ", "ﾀﾅｶ"),  # half-width
        ("Sofia", "So\ufb01a"),  # a ligature
        ("Ann", "A\u200bn\ufeffn"),  # zero-width space, byte order mark
        ("Ann", "A\u00adnn\u200e"),  # soft hyphen, mark of direction
        ("علی رضا", "علی\u200c رضا"),  # zero-width non-joiner
        ("葛", "葛\U000e0100"),  # a variant of one character
        ("Ann Lee", "Ann\u3164Lee\u2800"),  # a filler of Hangul and a blank of Braille
        ("Ann", "\uffa0Ann\u17b4\u180b\u1160"),  # what shows nothing in any script
    ],
)
def test_spellings_of_one_name_have_one_key(one: str, other: str) -> None:
    assert name_key(one) == name_key(other)
    assert name_key(name_key(one)) == name_key(one)


def test_other_names_have_other_keys() -> None:
    names = ("Ann", "Anne", "Ann Lee", "AnnLee", "Jose", "José", "Анн", "12", "1 2")
    assert len({name_key(name) for name in names}) == len(names)


def test_a_name_is_shown_as_it_was_written_but_composed_and_without_strays() -> None:
    assert clean_name(" Jose\u0301   NÚÑEZ\u200b ") == "José NÚÑEZ"
    assert clean_name("ﾀﾅｶ") == "ﾀﾅｶ"
    assert clean_name("علی\u200cرضا") == "علی\u200cرضا"
    assert clean_name("\ufeffAnn") == "Ann"


@pytest.mark.parametrize(
    "name",
    [
        "",
        " \u200b ",
        "\u200c",
        "\u3164",
        "\u2800 \u115f",
        "\ufe0f",
        "A\x1b[2Jnn",
        "A\x00",
        "\u202eAnn",
        "A" * 201,
        "\ud800",
    ],
)
def test_what_is_not_a_name_is_refused(name: str) -> None:
    with pytest.raises(DataError, match="is not a name"):
        clean_name(name)


def test_a_line_is_a_line() -> None:
    assert is_one_line("Müller, 9 \u00a0 é")
    assert is_one_line("علی\u200cرضا")
    for text in ("a\nb", "a\rb", "\x1b[2J", "\x07", "a\u2028b", "\x9b", "\u202e", "\ud800"):
        assert not is_one_line(text)


@pytest.mark.parametrize("text", ["a\x1b[2J", "a\nb", "a\x9b", "\u202eevil", "a\u2028b", "\ud800"])
def test_what_steers_a_terminal_is_found(text: str) -> None:
    assert control_character(text) in set(text) - set("ab")


@pytest.mark.parametrize("text", ["Ana Ødegård", "Screen\u202fRecording", "a\u200cb", "日本", "😀"])
def test_letters_of_any_script_are_fine(text: str) -> None:
    assert control_character(text) is None
