"""Many messages in one file: what a file is, and what is refused of one before any message is looked at."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from lxml import etree

from lockstep.domain.errors import InvalidMessage
from lockstep.iso20022 import LARGEST_FILE, MOST_IN_FILE, is_file, pack, read, unpack

NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:head.002.001.01"
GOLDEN = Path(__file__).resolve().parents[2] / "golden"
NAMES = ("pacs.009.001.08", "camt.007.001.08", "pacs.009.001.08.urgent")
WRITTEN = [(GOLDEN / f"{name}.written.xml").read_bytes() for name in NAMES]
ONE, TWO, THREE = map(read, WRITTEN)
FILE = pack(WRITTEN, ONE.created, "FILE-1")


def test_the_messages_come_out_as_they_went_in() -> None:
    found = unpack(FILE)
    assert (found.identity, found.created, list(found.messages)) == ("FILE-1", ONE.created, WRITTEN)
    assert [read(data) for data in found.messages] == [ONE, TWO, THREE]
    assert is_file(FILE) and not any(is_file(data) for data in WRITTEN)


def test_it_is_xml_of_the_business_file_header() -> None:
    """As a parser that knows nothing of ours sees it."""
    root = etree.fromstring(FILE)
    assert root.tag == f"{{{NAMESPACE}}}Xchg"
    names = {"h": NAMESPACE, "m": "urn:lockstep:bizmsg:1"}
    assert root.xpath("h:PyldDesc/h:ApplSpcfcs/h:TtlNbOfDocs/text()", namespaces=names) == ["3"]
    assert root.xpath("h:PyldDesc/h:PyldData/h:PyldIdr/text()", namespaces=names) == ["FILE-1"]
    assert len(root.xpath("h:Pyld/m:BizMsg", namespaces=names)) == 3
    assert len(root) == 4


def test_one_that_lost_its_name_is_named_by_its_content() -> None:
    assert pack(WRITTEN, ONE.created) == pack(WRITTEN, ONE.created)
    assert unpack(pack(WRITTEN, ONE.created)).identity != unpack(pack(WRITTEN[:2], ONE.created)).identity


def test_blanks_between_are_nothing() -> None:
    spaced = FILE.replace(b"<Pyld>", b"\r\n \t<Pyld>\n").replace(b"</Pyld>", b"\n</Pyld>\n\n")
    assert list(unpack(spaced).messages) == WRITTEN


def test_a_broken_message_is_its_own_affair() -> None:
    """What a payload holds is not the file's to judge: broken, empty, nested or with a DTD, it is refused when read."""
    bad = [b"<broken", b"", b"<a>" * 5_000, b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', b"\xff\xfe", WRITTEN[0] * 2]
    found = unpack(pack([bad[0], WRITTEN[0], *bad[1:]], ONE.created))
    assert found.messages[1] == WRITTEN[0]
    for data in (found.messages[0], *found.messages[2:]):
        with pytest.raises(InvalidMessage):
            read(data)


def test_nothing_is_inherited_from_the_file() -> None:
    """A message that leans on a namespace of the file around it is none by itself."""
    bare = WRITTEN[0].replace(b' xmlns="urn:lockstep:bizmsg:1"', b"")
    around = pack([bare], ONE.created).replace(b"<Xchg ", b'<Xchg xmlns:x="urn:lockstep:bizmsg:1" ')
    (data,) = unpack(around).messages
    with pytest.raises(InvalidMessage, match="BizMsg"):
        read(data)


def swapped(old: str, new: str) -> Callable[[bytes], bytes]:
    def change(data: bytes) -> bytes:
        assert old.encode() in data
        return data.replace(old.encode(), new.encode(), 1)

    return change


REFUSED: dict[str, tuple[Callable[[bytes], bytes], str, str]] = {
    "nothing": (lambda _: b"", "XML", "well-formed XML.*"),
    "cut in its head": (lambda data: data[:150], "XML", "well-formed XML.*"),
    "cut before the first": (lambda data: data[: data.index(b"<Pyld>")], "XML", "well-formed XML.*"),
    "none": (lambda data: data[: data.index(b"<Pyld>")] + b"</Xchg>", ".*TtlNbOfDocs", "the number.*, 0"),
    "cut in a message": (lambda data: data[: data.rindex(b"</BizMsg>")], r"Pyld\[3\]", "</Pyld> ends it.*"),
    "cut after a message": (lambda data: data[: data.rindex(b"</Xchg>")], r"Pyld\[3\]", ".*</Xchg> and nothing.*"),
    "one fewer": (
        lambda data: data[: data.rindex(b"<Pyld>")] + b"</Xchg>\n",
        "PyldDesc/ApplSpcfcs/TtlNbOfDocs",
        "the number of Pyld that follow, 2",
    ),
    "more behind the end": (lambda data: data + FILE, "Pyld.*", ".*"),
    "text between": (swapped("</Pyld>", "</Pyld>text"), r"Pyld\[1\]", ".*the next <Pyld>.*"),
    "another element between": (swapped("</Pyld>", "</Pyld><Extra/>"), r"Pyld\[1\]", ".*the next <Pyld>.*"),
    "a payload in a payload": (swapped("<Pyld>", "<Pyld><Pyld>"), r"Pyld\[1\]", ".*"),
    "a payload with an attribute": (swapped("<Pyld>", '<Pyld a="b">'), ".*", ".*"),
    "another root": (lambda data: data.replace(b"Xchg", b"Other"), ".*", ".*"),
    "another version": (swapped("head.002.001.01", "head.002.001.02"), ".*", ".*"),
    "a DTD": (swapped("<Xchg", "<!DOCTYPE Xchg><Xchg"), "XML/DOCTYPE", "no document type declaration.*"),
    "an id of too many characters": (swapped("FILE-1", "F" * 36), "PyldDesc/PyldData/PyldIdr", "1 to 35 letters.*"),
    "no number": (swapped(">3<", ">three<"), "PyldDesc/ApplSpcfcs/TtlNbOfDocs", "how many messages follow.*"),
    "another number": (swapped(">3<", ">4<"), "PyldDesc/ApplSpcfcs/TtlNbOfDocs", "the number.*, 3"),
    "a time without a zone": (lambda data: re.sub(rb"Z</CreDtAndTm>", b"</CreDtAndTm>", data), ".*CreDtAndTm", ".*"),
    "another kind": (swapped("ISO20022", "SWIFT"), "PyldDesc/PyldTp", "ISO20022 and nothing else"),
    "an unknown element": (swapped("<PyldTp>", "<MnfstData/><PyldTp>"), ".*MnfstData", "not in Lockstep's usage.*"),
    "not UTF-8": (lambda data: data.replace(b"UTF-8", b"UTF-16"), "XML/@encoding", "UTF-8"),
    "a deep head": (swapped("<PyldDesc>", "<PyldDesc>" * 5_000), "XML", "well-formed XML.*"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refused_as_such(name: str) -> None:
    change, field, rule = REFUSED[name]
    with pytest.raises(InvalidMessage) as caught:
        unpack(change(FILE))
    assert re.fullmatch(field, caught.value.field), caught.value
    assert re.fullmatch(rule, caught.value.rule, re.DOTALL), caught.value


def test_how_many_and_how_much() -> None:
    assert len(unpack(pack([b"x"] * MOST_IN_FILE, ONE.created)).messages) == MOST_IN_FILE
    for count in (0, MOST_IN_FILE + 1):
        with pytest.raises(InvalidMessage) as caught:
            pack([b"x"] * count, ONE.created)
        assert (caught.value.field, caught.value.value) == ("Pyld", f"{count} messages")
    with pytest.raises(InvalidMessage) as caught:
        unpack(b"<Pyld>" * 1_000_000)
    assert (caught.value.field, caught.value.rule) == ("Pyld", f"1 to {MOST_IN_FILE} messages in a file")
    for refused in (unpack, lambda data: pack([data], ONE.created)):
        with pytest.raises(InvalidMessage) as caught:
            refused(b"." * (LARGEST_FILE + 1))
        assert caught.value.rule == f"a file of at most {LARGEST_FILE} bytes"
