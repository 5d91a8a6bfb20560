"""Golden messages: those that others wrote are read, those that we write stay as they are.

`NAME.xml` is written by hand from the standard; `NAME.written.xml` is our writer's, renewed with
`--update-golden` and then read by a person; `refused/` are messages that the published schemas take
and our narrower usage guideline does not.
"""

from pathlib import Path

import pytest

from golden.expected import EXPECTED, REFUSED
from lockstep.domain.errors import InvalidMessage
from lockstep.iso20022 import MESSAGE_TYPES, peek, read, write

HERE = Path(__file__).parent


def test_every_file_and_every_message_type_is_expected() -> None:
    files = {file.name.removesuffix(".xml").removesuffix(".written") for file in HERE.glob("*.xml")}
    assert files == set(EXPECTED)
    assert {file.stem for file in HERE.glob("refused/*.xml")} == set(REFUSED)
    assert {".".join(name.split(".")[:4]) for name in files} == set(MESSAGE_TYPES.values())


@pytest.mark.parametrize("name", EXPECTED)
def test_hand_written_is_read(name: str) -> None:
    assert read((HERE / f"{name}.xml").read_bytes()) == EXPECTED[name]


@pytest.mark.parametrize("name", EXPECTED)
def test_written_is_unchanged(name: str, request: pytest.FixtureRequest) -> None:
    file, written = HERE / f"{name}.written.xml", write(EXPECTED[name])
    if request.config.getoption("--update-golden"):
        file.write_bytes(written)
    assert file.read_bytes() == written
    assert read(written) == EXPECTED[name]


@pytest.mark.parametrize("name", EXPECTED)
def test_peek_shows_who_sent_it(name: str) -> None:
    header = peek((HERE / f"{name}.xml").read_bytes())
    message = EXPECTED[name]
    assert header is not None
    assert (header.sender, header.receiver, header.message_id) == (
        message.sender,
        message.receiver,
        message.message_id,
    )
    assert header.definition == MESSAGE_TYPES[type(message.body)]


@pytest.mark.parametrize("name", REFUSED)
def test_outside_the_guideline_is_refused(name: str) -> None:
    with pytest.raises(InvalidMessage) as refused:
        read((HERE / "refused" / f"{name}.xml").read_bytes())
    assert (refused.value.field, refused.value.value, refused.value.rule) == REFUSED[name]


@pytest.mark.published_schemas
@pytest.mark.parametrize("file", sorted(HERE.rglob("*.xml")), ids=lambda file: file.name)
def test_published_schemas_agree(file: Path, published) -> None:
    assert published(file.read_bytes()) == []
