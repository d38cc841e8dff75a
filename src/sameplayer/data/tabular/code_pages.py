"""Code pages: which one an old program wrote a text in, told by the letters of languages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

LANGUAGES = {
    "cp1252": (
        "üöäß",
        "ãçáéíóêúâôõà",
        "éèçêëïôâîûàœù",
        "íáéóúñü",
        "öåäøæéü",
        "ðáóíöúæþéý",
        "éëïóöü",
        "èòàùìéç",
    ),
    "cp1250": ("łóśęążćńź", "áíéčřšěýžůúňťďóľäôĺŕ", "áéöóüíőúű", "ćčšžđ", "ășțâîşţ"),
    "cp1254": ("ıüçşöğiâ",),
    "cp1251": ("аоиенрвслктмдяпгйбузчьюхжшцщфыэёъіїєґђјљњћџ",),
    "cp1253": ("αοιςνησρτάκλπμεςίόδγύήθωέχβφξζώψϊ",),
    "cp1257": ("ėšųžįąčęū", "āīņšēļķģūžč", "õäöüšž"),
    "mac_roman": (),
}
"""Code page -> the letters of languages beyond a to z, the usual ones first."""
LANGUAGES["mac_roman"] = LANGUAGES["cp1252"]
LANGUAGES["iso8859_2"] = LANGUAGES["cp1250"]
OTHER_LETTERS = ("cp1251", "cp1253")
PRIOR = {"cp1252": 0.0, "mac_roman": -0.12, "iso8859_2": -0.07}
OTHERS = -0.05
OTHER_LANGUAGE = 0.4  # what a letter of another language of the page counts
RARE = 0.03  # what a letter counts less than the one before it
COMMON = {
    "cp932": ((0x82, 0x83), (0x88, 0x98)),
    "cp949": ((0xB0, 0xC8),),
    "gbk": ((0xB0, 0xD7),),
    "big5": ((0xA4, 0xC6),),
}
"""Code page of two bytes a letter -> first bytes of the usual letters."""
HEAD = 1 << 18
WORD = re.compile(r"[^\W\d_]+|[^\x00-\x7f]")


def likely_pages(content: bytes) -> Iterator[str]:
    """Yield code pages, the likeliest first. Of pages that look alike cp1252 comes first."""
    lines = re.split(rb"[\r\n]+", content[:HEAD])
    if len(content) > HEAD:
        lines = lines[:-1] or lines  # the last may end within a letter
    head = b"\n".join(line for line in lines if not line.isascii())
    scores = {page: _of_letters(head, page) for page in LANGUAGES}
    scores |= {page: _of_pairs(head, page) for page in COMMON}
    yield from sorted(scores, key=lambda page: -scores[page])


def _of_letters(content: bytes, page: str) -> float:
    """Return how well the letters fit one language of a page of one byte a letter, up to 1."""
    try:
        words = WORD.findall(content.decode(page))
    except UnicodeDecodeError:
        return -1.0
    words = [word for word in words if not word.isascii()]
    strange = [letter for word in words for letter in word if not letter.isascii()]
    turned = sum(one.islower() and two.isupper() for word in words for one, two in pairwise(word))
    if page in OTHER_LETTERS:  # no word has letters of two alphabets
        turned += sum(len(word) for word in words if any(one.isascii() for one in word))
    every = "".join(LANGUAGES[page])
    best = max(
        sum(_weight(letter, alphabet, every) for letter in strange) for alphabet in LANGUAGES[page]
    )
    return (best - turned) / max(1, len(strange)) + PRIOR.get(page, OTHERS)


def _weight(letter: str, alphabet: str, every: str) -> float:
    """Return 1 for the usual letters of a language, less for others of the page, below 0 else."""
    letter = letter.lower()[0]
    place = alphabet.find(letter)
    if place < 0:
        return OTHER_LANGUAGE if letter in every else -0.5
    return 1 - RARE * min(place, 20)


def _of_pairs(content: bytes, page: str) -> float:
    """Return the share of usual letters, up to 1, in a page of two bytes a letter."""
    try:
        letters = [one for one in content.decode(page) if not one.isascii()]
    except UnicodeDecodeError:
        return -1.0
    pairs = [one.encode(page)[0] for one in letters if len(one.encode(page)) == 2]
    usual = sum(any(low <= one <= high for low, high in COMMON[page]) for one in pairs)
    rare = len(letters) - len(pairs)
    return (usual - rare) / max(1, len(letters)) + 2 * OTHERS
