"""Safe parsing, the usage-guideline schemas, and their refusals in words.

The schemas in `schemas/` are Lockstep's own and narrower than the published ones: an element that
is not in them is refused, not ignored. Every message is judged by them, in and out.
"""

import re
from functools import cache
from pathlib import Path
from threading import Lock

from lxml import etree

from lockstep.domain.errors import InvalidMessage

__all__ = ["MAXIMUM_BYTES", "local_name", "parse", "path_of", "shown", "validate"]

MAXIMUM_BYTES = 1 << 20
"""No message of these types comes near one mebibyte."""

_SCHEMAS = Path(__file__).parent / "schemas"
_MANY_ATTRIBUTES = 100
_XS = "{http://www.w3.org/2001/XMLSchema}"
_XSI = "{http://www.w3.org/2001/XMLSchema-instance}"
_DECLARATION = re.compile(rb"""\s*<\?xml[^>]*?\bencoding\s*=\s*["']([^"']*)["']""")
_BYTE_ORDER_MARKS = (b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff", b"\x00<", b"<\x00")
_QUOTED = re.compile(r"'([^']*)'")
_PATTERN = re.compile(r"is not accepted by the pattern '(.*)'\.$", re.DOTALL)
_ATTRIBUTE = re.compile(r"^Element '[^']*'(?:, |: The )attribute '([^']*)'")
_OUTSIDE = "not in Lockstep's usage guideline"
_EXPECTED = re.compile(r"Expected is (?:one of )?\( (.*) \)\.")
_validating = Lock()


@cache
def _parser(recover: bool) -> etree.XMLParser:
    return etree.XMLParser(
        encoding="utf-8",
        recover=recover,
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        attribute_defaults=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
        collect_ids=False,
    )


def parse(data: bytes, *, recover: bool = False) -> etree._Element:
    """The root of an XML document in UTF-8 without DTD. Raises InvalidMessage and nothing else."""
    if len(data) > MAXIMUM_BYTES:
        raise InvalidMessage("XML", f"{len(data)} bytes", f"at most {MAXIMUM_BYTES} bytes")
    if data.startswith(_BYTE_ORDER_MARKS):
        raise InvalidMessage("XML", data[:4].hex(" "), "UTF-8")
    declared = _DECLARATION.match(data[:200])
    if declared and declared[1].upper() != b"UTF-8":
        raise InvalidMessage("XML/@encoding", declared[1].decode("ascii", "replace"), "UTF-8")
    at = data.find(b"<!DOCTYPE")
    if at >= 0:
        declaration = data[at : at + 60].splitlines()[0].decode("utf-8", "replace")
        raise InvalidMessage("XML/DOCTYPE", declaration, "no document type declaration, hence no entities")
    try:
        root = etree.fromstring(data, _parser(recover))
    except etree.XMLSyntaxError as broken:
        line, column = broken.position
        raise InvalidMessage(
            "XML", f"line {line}, column {column}", f"well-formed XML ({shown(_plain(broken.msg))})"
        ) from None
    if root is None:  # a recovering parser found no element at all
        raise InvalidMessage("XML", "", "well-formed XML")
    if b"XMLSchema-instance" in data or data.count(b"=") > _MANY_ATTRIBUTES:
        _judge_attributes(root)
    return root


def _judge_attributes(root: etree._Element) -> None:
    """What the schemas leave open, looked at only where there is cause.

    xsi:type and xsi:nil change what a schema means; a schemaLocation is let be, and never followed.
    Thousands of attributes on one element would keep libxml2 busy for seconds.
    """
    for element in root.iter(etree.Element):
        if len(element.attrib) > _MANY_ATTRIBUTES:
            raise InvalidMessage(shown(path_of(element)), f"{len(element.attrib)} attributes", _OUTSIDE)
        for key in (f"{_XSI}type", f"{_XSI}nil"):
            value = element.get(key)
            if value is not None:
                raise InvalidMessage(
                    f"{shown(path_of(element))}/@xsi:{local_name(key)}", shown(value), "not in a message"
                )


@cache
def _schema(name: str) -> etree.XMLSchema:
    return etree.XMLSchema(file=str(_SCHEMAS / name))


@cache
def _rules() -> dict[str, str]:
    """Our schemas' documentation: the rule of each type by its name and by its patterns."""
    rules: dict[str, str] = {}
    for file in _SCHEMAS.glob("*.xsd"):
        for kind in etree.parse(str(file)).iter(f"{_XS}simpleType"):
            said = kind.findtext(f"{_XS}annotation/{_XS}documentation")
            if said:
                rules[str(kind.get("name"))] = said
                rules.update({str(facet.get("value")): said for facet in kind.iter(f"{_XS}pattern")})
    return rules


def _plain(said: str | None) -> str:
    """libxml2's words without the place, which stands in the value."""
    return re.sub(r"\s*,? line \d+.*$", "", said or "", flags=re.DOTALL)


def validate(root: etree._Element, schema_name: str = "bizmsg.xsd") -> None:
    """By the usage guideline. Raises InvalidMessage for the first thing that it finds."""
    with _validating:  # the schema keeps its findings in itself
        schema = _schema(schema_name)
        if schema.validate(root):
            return
        found = next(iter(schema.error_log))  # type: ignore[call-overload]  # lxml's stubs do not iterate it
    raise _explained(root, found)


def local_name(tag: str) -> str:
    """An element's name without its namespace."""
    return tag.rpartition("}")[2]


def path_of(element: etree._Element) -> str:
    """As a person names it: `Document/SctiesSttlmTxInstr/TxId`; the envelope goes without saying.

    The second of several has its number: `Document/BkToCstmrStmt/Stmt/Ntry[2]`.
    """
    names = [_numbered(element), *map(_numbered, element.iterancestors())]
    return "/".join(reversed(names[:-1] or names))


def _numbered(element: etree._Element) -> str:
    name = local_name(str(element.tag))
    number = 1 + sum(1 for _ in element.itersiblings(str(element.tag), preceding=True))
    return name if number == 1 else f"{name}[{number}]"


def _place(root: etree._Element, path: str | None) -> etree._Element:
    """Where libxml2 found it. Its paths (`/*/*[2]/p:TxId[1]`) have prefixes that only it can resolve."""
    element = root
    for step in (path or "").split("/")[2:]:
        name, _, number = step.rstrip("]").partition("[")
        like = [child for child in element if name in ("*", _prefixed(child))]
        if int(number or 1) > len(like):
            break
        element = like[int(number or 1) - 1]
    return element


def _prefixed(element: etree._Element) -> str:
    name = local_name(str(element.tag))
    return f"{element.prefix}:{name}" if element.prefix else name


def shown(text: str) -> str:
    """No more than a person reads, whatever a sender put there."""
    return text if len(text) <= 210 else f"{text[:209]}…"


def _explained(root: etree._Element, found: etree._LogEntry) -> InvalidMessage:
    """A finding of libxml2 as field, value and rule."""
    element, said, kind = _place(root, found.path), found.message, found.type_name
    path, value = shown(path_of(element)), shown((element.text or "").strip()) if len(element) == 0 else ""
    expected = _EXPECTED.search(said)
    wanted = [local_name(name.strip()) for name in expected[1].split(",")] if expected else []
    if kind == "SCHEMAV_ELEMENT_CONTENT" and "Missing child" in said:
        missing = f"/{wanted[0]}" if len(wanted) == 1 else ""
        return InvalidMessage(path + missing, "", "is required" if missing else f"holds one of {', '.join(wanted)}")
    if kind == "SCHEMAV_ELEMENT_CONTENT":
        return InvalidMessage(path, value, _why_not_here(element, wanted))
    attribute = _ATTRIBUTE.search(said)
    if attribute:
        name = local_name(attribute[1])
        path = f"{path}/@{shown(name)}"
        value = next((shown(str(text)) for key, text in element.items() if local_name(str(key)) == name), "")
    if attribute and "is not allowed" in said:
        return InvalidMessage(path, value, _OUTSIDE)
    if kind == "SCHEMAV_CVC_COMPLEX_TYPE_4":
        return InvalidMessage(path, "", "is required")
    if len(element.text or "") > 1000:  # libxml2 cuts its own words short
        return InvalidMessage(path, value, "a far shorter value")
    return InvalidMessage(path, value, _rule(kind, said))


def _why_not_here(element: etree._Element, wanted: list[str]) -> str:
    before = element.getprevious()
    if before is not None and before.tag == element.tag:
        return "once only"
    if local_name(str(element.tag)) in wanted:
        return "in the message's own namespace"
    after = {local_name(str(later.tag)) for later in element.itersiblings()}
    if not wanted or after.intersection(wanted):
        return _OUTSIDE
    return f"{_OUTSIDE}, which takes {' or '.join(wanted)} here"


def _rule(kind: str, said: str) -> str:
    """What a value should have been."""
    pattern = _PATTERN.search(said)
    if pattern and pattern[1] in _rules():
        return _rules()[pattern[1]]
    if kind == "SCHEMAV_CVC_ENUMERATION_VALID":
        codes = _QUOTED.findall(said.partition("set {")[2])
        return f"one of {', '.join(codes)}" if len(codes) > 1 else f"{codes[0]} and nothing else"
    if kind == "SCHEMAV_CVC_COMPLEX_TYPE_2_3":
        return "elements and no text"
    if kind in ("SCHEMAV_CVC_TYPE_3_1_2", "SCHEMAV_CVC_COMPLEX_TYPE_2_2"):
        return "text and no elements"
    if kind == "SCHEMAV_CVC_MAXLENGTH_VALID":
        return f"at most {_QUOTED.findall(said)[-1]} characters"
    if kind in ("SCHEMAV_CVC_TOTALDIGITS_VALID", "SCHEMAV_CVC_FRACTIONDIGITS_VALID"):
        return f"at most {_QUOTED.findall(said)[-1]} " + ("digits" if "TOTAL" in kind else "decimals")
    for name in reversed(_QUOTED.findall(said)):
        if local_name(name) in _rules():
            return _rules()[local_name(name)]
    return shown(re.sub(r"\{[^}]*\}", "", said))
