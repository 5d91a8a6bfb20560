"""Whether two names may be one person's. Names are typed, and nobody proves who types them: dual control holds at least
against a name that only looks like another.
"""

import unicodedata

__all__ = ["reads", "same_person"]

_GREEK_AND_CYRILLIC = str.maketrans(
    "АВЕЅІЈКМНОРСТУХԌԚԜаеѕіјорсухһԁԛԝӏΑΒΕΖΗΙΚΜΝΟΡΤΥΧανοριυχ",
    "ABESIJKMHOPCTYXGQWaesijopcyxhdqwlABEZHIKMNOPTYXavopiux",
)
"""Letters that look like one of Latin: the common ones of Unicode's UTS 39, confusables."""
_ALIKE = str.maketrans("I1|0", "lllO")
_BLANK = "\u115f\u1160\u3164\uffa0"
"""Letters of Hangul that show as nothing."""


def same_person(one: str, other: str) -> bool:
    """Whether they read alike: by letters and digits alone, of whatever case, width or accent, and look-alikes."""
    return reads(one) == reads(other) or _looks(one) == _looks(other)


def reads(name: str) -> str:
    """A name's letters and digits, folded; "" where it has none that shows."""
    return _folded(_latin(name))


def _looks(name: str) -> str:
    return _folded(_latin(name).translate(_ALIKE))


def _latin(name: str) -> str:
    return unicodedata.normalize("NFKD", name).translate(_GREEK_AND_CYRILLIC)


def _folded(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name.casefold())
    return "".join(one for one in plain if one.isalnum() and one not in _BLANK)
