"""Messages that differ from a judged one in their texts only are judged by one expression.

After libxml2 has found a message valid, and others with the same tags, their form is remembered: the
tags letter by letter, and in each leaf an expression that takes no more than the leaf's simple type
(`leaves`). Whatever fits a form is well-formed and valid by the same schema: it has the same elements
and attributes in the same order, and in the leaves plain texts that their types allow. Whatever does
not fit goes to libxml2, which alone refuses, so no message is refused here, and none explained.

Forms are few for each definition, the last used first, and so are those ever learned.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from lockstep.iso20022.fields import Fields
from lockstep.iso20022.flattening import Shape, flatten_bytes, shape_of, unescaped
from lockstep.iso20022.leaves import expression_of

__all__ = ["CODES", "learn", "recall", "recall_codes"]

CODES = ("BICFI", "AnyBIC", "LEI")
"""Elements whose check digits or country no schema judges."""

_AFTER = 3
"""So often a shape is met before its form is worth an expression."""
_FORMS = 8
_EVER = 200
_MANY_BYTES = 1 << 16
_NAMED = b"<MsgDefIdr>"
_PRICED = re.compile(r"([\w.]+) Ccy=\"[A-Z]{3}\"")


@dataclass(frozen=True, slots=True)
class _Form:
    expression: re.Pattern[str]
    paths: tuple[str, ...]
    blank: Fields
    """Every path, with its value where that is the same in each message: copying it is cheaper than adding to it."""
    codes: tuple[tuple[int, str], ...]
    """Which texts are codes that no schema judges, and of which kind: an element of `CODES`."""


_forms: dict[bytes, tuple[_Form, ...]] = {}
_learned: dict[bytes, int] = {}


def recall(data: bytes) -> Fields | None:
    """Every value by its path, if the message fits a form; None if libxml2 is to judge."""
    fitted = _fitted(data)
    if fitted is None:
        return None
    form, found = fitted
    texts: Iterable[str] = found.groups()
    if b"&" in data:
        texts = map(unescaped, texts)
    values = Fields(form.blank)
    values.update(zip(form.paths, texts, strict=True))
    return values


def recall_codes(data: bytes) -> list[tuple[str, str]] | None:
    """Name and text of each code that no schema judges, if the message fits a form; None if libxml2 is to judge."""
    fitted = _fitted(data)
    if fitted is None:
        return None
    form, found = fitted
    return [(name, found[place]) for place, name in form.codes]


def _fitted(data: bytes) -> tuple[_Form, re.Match[str]] | None:
    key = _key(data)
    forms = _forms.get(key)
    if not forms or len(data) > _MANY_BYTES:
        return None
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return None
    for place, form in enumerate(forms):
        found = form.expression.fullmatch(text)
        if found is not None:
            if place:
                _forms[key] = (form, *forms[:place], *forms[place + 1 :])
            return form, found
    return None


def learn(data: bytes, definition: str) -> None:
    """Remember the form of a message that libxml2 has found valid."""
    shape, key = shape_of(data), _key(data)
    if shape is None or len(data) > _MANY_BYTES:
        return
    shape.met += 1
    if shape.met % _AFTER or _learned.get(key, 0) >= _EVER or key != definition.encode():
        return
    form = _form(data.decode(), shape, definition)
    if form is None:
        return
    _learned[key] = _learned.get(key, 0) + 1
    _forms[key] = (form, *_forms.get(key, ())[: _FORMS - 1])
    if recall(data) != flatten_bytes(data):  # a form that does not know its own teacher knows nothing
        _forms[key] = _forms[key][1:]


def _key(data: bytes) -> bytes:
    """What a message calls itself: only a hint where to look."""
    at = data.find(_NAMED) + len(_NAMED)
    return data[at : data.find(b"<", at)][:20]


def _form(text: str, shape: Shape, definition: str) -> _Form | None:
    pieces = text.replace(">", "<").split("<")
    leaves, paths, constants = dict(shape.leaves), [], shape.constants.copy()
    made = [re.escape(pieces[0])]
    for place, (tag, after) in enumerate(zip(pieces[1::2], pieces[2::2], strict=True)):
        path = leaves.get(place)
        priced = _PRICED.fullmatch(tag) if path else None
        if priced:
            made.append(f'<{re.escape(priced[1])} Ccy="([A-Z]{{3}})">')
            paths.append(f"{path}/@Ccy")
            del constants[f"{path}/@Ccy"]
        else:
            made.append(f"<{re.escape(tag)}>")
        if path is None:
            made.append(re.escape(after))
            continue
        expression = expression_of(definition, path)
        if expression is None and not after:  # an element without content, which its schema lets be so
            constants[path] = ""
            continue
        if expression is None:
            return None
        made.append(f"({expression})")
        paths.append(path)
    named = [(place, path.rpartition("/")[2]) for place, path in enumerate(paths, 1)]
    codes = tuple((place, name) for place, name in named if name in CODES)
    blank = Fields(constants | dict.fromkeys(paths, ""))
    return _Form(re.compile("".join(made)), tuple(paths), blank, codes)
