"""The usage guideline is narrower than the standard, and nothing that is wrong gets past it.

Golden messages are broken in hundreds of ways by a seeded generator. `read` either takes the result
or refuses it with an InvalidMessage; what the published schemas refuse it refuses too.
"""

import random
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path

import pytest
from lxml import etree

from lockstep.domain.errors import InvalidMessage
from lockstep.iso20022 import MESSAGE_TYPES, peek, read
from lockstep.iso20022.holdings import HOLDINGS_TYPES
from lockstep.iso20022.validation import parse

GOLDEN = Path(__file__).parents[2] / "golden"
SCHEMAS = Path(read.__code__.co_filename).parent / "schemas"
FILES = sorted(GOLDEN.glob("*.written.xml"))
TEXTS = (
    "", " ", "0", "-1", "1e3", "+5", "1.123456", "123456789012345678901", "X" * 36, "x" * 300, "//", "DELI", "NORE",
    "true", "2026-02-30", "2026-03-04", "2026-03-04T10:00:00", "2026-03-04T25:00:00Z", "10:00:00", "EUR", "ABCDEFGH",
    "d74d1753-a260-467a-9f5c-40b82dec13e0", "\u00e9", "\n1\n", "00000000000000000000", "APMT ",
)  # fmt: skip


def _broken(root: etree._Element, chance: random.Random) -> etree._Element:
    """One thing changed: a text, an attribute, or the structure."""
    root = deepcopy(root)
    inside = [element for part in root for element in part.iter() if element is not part]
    element = chance.choice(inside)
    above = element.getparent()
    way = chance.randrange(9)
    if way == 0:
        above.remove(element)
    elif way == 1:
        element.addnext(deepcopy(element))
    elif way == 2:
        above.insert(chance.randrange(len(above)), element)
    elif way == 3:
        element.tag = f"{element.tag}X"
    elif way == 4:
        element.set("Ccy", chance.choice(["EUR", "eur", "XXX"]))
    elif way == 5:
        other = chance.choice(inside)
        element.text, element.tail = other.text, None
    elif way == 6:
        etree.SubElement(element, chance.choice(inside).tag).text = chance.choice(TEXTS)
    else:
        leaf = chance.choice([one for one in inside if len(one) == 0])
        leaf.text = chance.choice(TEXTS)
    return root


def _mutants(file: Path, count: int) -> Iterator[bytes]:
    chance, root = random.Random(f"20022 {file.name}"), parse(file.read_bytes())
    for _ in range(count):
        yield etree.tostring(_broken(root, chance), encoding="UTF-8", xml_declaration=True)


def _refuses(data: bytes) -> bool:
    try:
        read(data)
    except InvalidMessage as refused:
        return bool(refused.field and refused.rule)
    return False


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_broken_structure_is_refused_by_name_or_taken(file: Path) -> None:
    refused = [_refuses(data) for data in _mutants(file, 60)]
    assert sum(refused) > 30


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_broken_bytes_are_refused_by_name_or_taken(file: Path) -> None:
    chance, data = random.Random(f"bytes {file.name}"), file.read_bytes()
    for _ in range(40):
        broken = bytearray(data)
        for _ in range(chance.randint(1, 3)):
            broken[chance.randrange(len(broken))] = chance.randrange(256)
        _refuses(bytes(broken))
        cut = data[: chance.randrange(len(data) - 12)]
        assert _refuses(cut)
        peek(bytes(broken))
        peek(cut)


@pytest.mark.published_schemas
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_what_the_published_schemas_refuse_is_refused(file: Path, published) -> None:
    both = 0
    for data in _mutants(file, 60):
        complaints = published(data)
        if complaints:
            both += 1
            assert _refuses(data), (complaints, data)
    assert both > 15


def test_each_message_has_a_schema_of_its_own() -> None:
    names = {file.stem for file in SCHEMAS.glob("*.xsd")}
    assert names == {
        *MESSAGE_TYPES.values(),
        *HOLDINGS_TYPES,
        "head.001.001.02",
        "head.002.001.01",
        "common",
        "entries",
        "holdings",
        "margin",
        "trade",
        "bizmsg",
    }
    for file in SCHEMAS.glob("*.xsd"):
        etree.XMLSchema(file=str(file))


def test_every_patterned_type_says_its_rule() -> None:
    kind, pattern = "{http://www.w3.org/2001/XMLSchema}simpleType", "{http://www.w3.org/2001/XMLSchema}pattern"
    said = "{http://www.w3.org/2001/XMLSchema}annotation"
    for file in SCHEMAS.glob("*.xsd"):
        for one in etree.parse(str(file)).iter(kind):
            assert one.find(f".//{pattern}") is None or one.find(said) is not None, one.get("name")
