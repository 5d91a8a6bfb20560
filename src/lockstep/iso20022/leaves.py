"""What may stand in each leaf of a message, as an expression: read from our own schemas.

An expression here takes less than its simple type does, never more: plain texts of the usual kind.
What it does not take is left to libxml2, so it need not know every date or character.
"""

import re
from functools import cache
from pathlib import Path

from lxml import etree

__all__ = ["expression_of"]

_SCHEMAS = Path(__file__).parent / "schemas"
_XS = "{http://www.w3.org/2001/XMLSchema}"
_GROUPS = (f"{_XS}sequence", f"{_XS}choice", f"{_XS}complexType")
_DAY = "[1-9][0-9]{3}-(?:(?:0[1-9]|1[0-2])-(?:0[1-9]|1[0-9]|2[0-8])|(?:0[13-9]|1[0-2])-(?:29|30)|(?:0[13578]|1[02])-31)"
_CLOCK, _ZONE = "(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]", "(?:Z|[+\\-](?:0[0-9]|1[0-3]):[0-5][0-9])"
_BASES = {"xs:date": _DAY, "xs:dateTime": f"{_DAY}T{_CLOCK}{_ZONE}", "xs:time": f"{_CLOCK}{_ZONE}"}
_FRACTION = "(?:\\.[0-9]{1,9})?"
_DECIMALS = {"5": "[0-9]{1,13}(?:\\.[0-9]{1,5})?", "17": "[0-9]{1,9}(?:\\.[0-9]{1,9})?"}
_PRINTED = "(?:[ -%'-;=?-~\u00a1-\ud7ff]|&(?:amp|lt|gt|quot|apos);)"
"""A character that a line may have: no controls, no markup, nothing beyond the basic plane."""
_CLASSES = re.compile(r"(?:[A-Za-z0-9/\-|]|\\[.\-]|\[(?:[^\]\\&<>^.]|\\[.\-]|[.])+\]|\{[0-9,]+\}|[()+*?])+")
"""Patterns that mean the same in a schema and in Python."""
_OPENED = re.compile(r"\[(?:[^\]\\]|\\.)*\]|\(")
"""A class of characters, or a group, which is to capture nothing."""


@cache
def _schema(name: str) -> dict[str, etree._Element]:
    """A schema's global types and elements, with those that it includes."""
    found: dict[str, etree._Element] = {}
    for child in etree.parse(str(_SCHEMAS / name)).getroot():
        if child.tag == f"{_XS}include":
            found.update(_schema(str(child.get("schemaLocation"))))
        elif child.get("name"):
            found[f"{child.tag}:{child.get('name')}"] = child
    return found


def _inside(holder: etree._Element) -> list[etree._Element]:
    """The elements of a complex type, through its sequences and choices."""
    found = []
    for child in holder:
        if child.tag == f"{_XS}element":
            found.append(child)
        elif child.tag in _GROUPS:
            found += _inside(child)
    return found


@cache
def expression_of(definition: str, path: str) -> str | None:
    """Of the leaf at that path (`flattening`) of a message of that definition; None where it cannot be told."""
    header = path.startswith("AppHdr/")
    name = "head.001.001.02.xsd" if header else f"{definition}.xsd"
    names = [re.sub(r"\[[0-9]+\]$", "", step) for step in path.split("/")]
    schema = _schema(name)
    holder = schema[f"{_XS}element:{'AppHdr' if header else 'Document'}"]
    if header:
        names = names[1:]
    else:
        holder = _inside(holder)[0]
    for step in names:
        named = holder.get("type")
        inside = _inside(schema[f"{_XS}complexType:{named}"] if named else holder)
        here = [one for one in inside if step in (one.get("name"), str(one.get("ref")).partition(":")[2])]
        if not here:
            return None
        holder = here[0]
        if holder.get("ref"):
            schema = _schema("trade.xsd")
            holder = schema[f"{_XS}element:{step}"]
    named = holder.get("type")
    return _simple(schema, str(named)) if named else _restricted(schema, holder.find(f".//{_XS}restriction"))


def _simple(schema: dict[str, etree._Element], name: str) -> str | None:
    """Of a type by its name; of one with attributes, its text."""
    extended = schema.get(f"{_XS}complexType:{name}")
    if extended is not None:
        extension = extended.find(f"{_XS}simpleContent/{_XS}extension")
        return None if extension is None else _simple(schema, str(extension.get("base")))
    found = schema.get(f"{_XS}simpleType:{name}")
    return None if found is None else _restricted(schema, found.find(f"{_XS}restriction"))


def _restricted(schema: dict[str, etree._Element], restriction: etree._Element | None) -> str | None:
    if restriction is None:
        return None
    base = str(restriction.get("base"))
    facets = {str(facet.tag)[len(_XS) :]: str(facet.get("value")) for facet in restriction}
    most = facets.get("maxLength")
    if base == "xs:dateTime" and r"(\.[0-9]{1,9})?" in facets.get("pattern", ""):
        return f"{_DAY}T{_CLOCK}{_FRACTION}{_ZONE}"
    if base in _BASES:
        return _BASES[base]
    if base == "xs:decimal":
        return _DECIMALS.get(facets.get("fractionDigits", ""))
    if base == "Line":
        return f"{_PRINTED}{{1,{most}}}"
    if base != "xs:string":
        return None
    if "enumeration" in facets:
        return "|".join(re.escape(str(one.get("value"))) for one in restriction.iter(f"{_XS}enumeration"))
    pattern = facets.get("pattern", "")
    if not _CLASSES.fullmatch(pattern):
        return None
    pattern = _OPENED.sub(lambda found: "(?:" if found[0] == "(" else found[0], pattern)
    return f"(?=[^<]{{1,{most}}}<)(?:{pattern})" if most else pattern
