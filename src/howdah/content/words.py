"""
The snake_case of Strapi, which names columns and link tables after attributes.

It is that of lodash: words end where the case changes and between letters and
digits ("oauth2Token" is oauth_2_token), ordinals stay whole, apostrophes go, accents of Latin letters go.
Pure; the tests compare with lodash itself.
"""

from __future__ import annotations

import re
import unicodedata

_LOWER = "a-zß-öø-ÿ"
_UPPER = "A-ZÀ-ÖØ-Þ"
#: Whatever is neither letter nor digit of Latin-1 and below U+0100, and spaces and punctuation beyond.
_BREAK = "\x00-/:-@\\[-`{-¿×÷\u2000-\u206f\u2e00-\u2e7f\u3000-\u303f\\s"
#: A letter of another script belongs to whatever word it stands in.
_MISC = f"[^{_BREAK}0-9{_LOWER}{_UPPER}]"
_MISC_LOWER = f"(?:[{_LOWER}]|{_MISC})"
_MISC_UPPER = f"(?:[{_UPPER}]|{_MISC})"
_WORDS = re.compile(
    "|".join(
        (
            f"[{_UPPER}]?[{_LOWER}]+(?=[{_BREAK}]|[{_UPPER}]|$)",
            f"{_MISC_UPPER}+(?=[{_BREAK}]|[{_UPPER}]{_MISC_LOWER}|$)",
            f"[{_UPPER}]?{_MISC_LOWER}+",
            f"[{_UPPER}]+",
            r"[0-9]*(?:1ST|2ND|3RD|(?![123])[0-9]TH)(?=\b|[a-z_])",
            r"[0-9]*(?:1st|2nd|3rd|(?![123])[0-9]th)(?=\b|[A-Z_])",
            "[0-9]+",
        )
    )
)

#: Latin letters that do not decompose into a base letter and a mark.
_LETTERS = str.maketrans(
    {
        "Æ": "Ae",
        "æ": "ae",
        "Ð": "D",
        "ð": "d",
        "Ø": "O",
        "ø": "o",
        "Þ": "Th",
        "þ": "th",
        "ß": "ss",
        "Đ": "D",
        "đ": "d",
        "Ħ": "H",
        "ħ": "h",
        "ı": "i",
        "Ĳ": "IJ",
        "ĳ": "ij",
        "Ł": "L",
        "ł": "l",
        "Œ": "Oe",
        "œ": "oe",
        "Ŧ": "T",
        "ŧ": "t",
    }
)


def snake_case(name: str) -> str:
    """Return the words of a name in lower case, joined by underscores."""
    plain = _strip_accents(name).replace("'", "").replace("\u2019", "")
    return "_".join(word.lower() for word in _WORDS.findall(plain))


def _strip_accents(name: str) -> str:
    return "".join(
        unicodedata.normalize("NFD", letter)[0] if "\u00c0" <= letter <= "\u017f" else letter
        for letter in name
        if not "\u0300" <= letter <= "\u036f"
    ).translate(_LETTERS)
