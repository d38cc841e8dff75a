"""Code pages: names of many languages are read right where the file does not say how."""

from __future__ import annotations

from pathlib import Path

import pytest

from sameplayer.data.tabular.encodings import decoded
from sameplayer.errors import DataError

ROSTERS = {
    "cp1250": ("Kacper Urbański", "Łukasz Skorupski", "Przemysław Frankowski"),
    "cp1250 czech": ("Jindřich Staněk", "Tomáš Čvančara", "Matěj Kovář"),
    "cp1250 croatian": ("Luka Modrić", "Joško Gvardiol", "Ivan Perišić"),
    "cp1250 hungarian": ("Gergő Lovrencsics", "Péter Gulácsi", "Ádám Szalai"),
    "iso8859_2": ("Łukasz Żółć", "Grzegorz Świderski", "Śławomir Ćwikła"),
    "iso8859_2 czech": ("Tomáš Dvořák", "Lukáš Růžička", "Matěj Šťastný"),
    "cp1251": ("Игорь Акинфеев", "Артём Дзюба", "Єгор Ярмолюк"),
    "cp1252": ("Thomas Müller", "João Moutinho", "Martin Ødegaard"),
    "cp1252 french": ("Loïc Perrin", "Théo Hernández", "François Clerc"),
    "cp1252 icelandic": ("Alfreð Finnbogason", "Hörður Magnússon", "Jóhann Guðmundsson"),
    "cp1253": ("Κώστας Τσιμίκας", "Γιώργος Γιακουμάκης", "Φώτης Ιωαννίδης"),
    "cp1254": ("Arda Güler", "Kenan Yıldız", "Ferdi Kadıoğlu"),
    "mac_roman": ("Leroy Sané", "Niklas Süle", "Mario Gómez"),
    "cp932": ("三笘薫", "久保建英", "マヤ ヨシダ"),
    "gbk": ("韦世豪", "张玉宁", "王上源"),
    "big5": ("陳柏良", "吳俊青", "潘文傑"),
    "cp949": ("손흥민", "이강인", "김민재"),
}


@pytest.mark.parametrize("language", ROSTERS)
def test_a_roster_of_three_is_read_in_its_code_page(language: str) -> None:
    page = language.split()[0]
    text = "team;number;name\r\n" + "".join(f"Home;7;{name}\r\n" for name in ROSTERS[language])
    found, notes = decoded(text.encode(page), Path("r.csv"))
    assert found == text
    assert f"in the code page {page}, such as" in notes[0]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_unicode_is_no_guess(encoding: str) -> None:
    text = "name,number\nЄгор Łukasz,7\n"
    assert decoded(text.encode(encoding), Path("r.csv")) == (text, ())


@pytest.mark.parametrize("content", [b"a\0b", b"\xff\xfea", bytes(range(256))])
def test_what_is_no_text_is_refused(content: bytes) -> None:
    with pytest.raises(DataError, match=r"r\.csv: is not a text file"):
        decoded(content, Path("r.csv"))
