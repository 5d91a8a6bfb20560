"""What a form takes, the schema takes: each leaf's expression against libxml2's own judgement, and learned forms."""

import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from golden.expected import EXPECTED
from lockstep.domain.errors import InvalidMessage
from lockstep.iso20022 import codec, flattening, forms, read, write
from lockstep.iso20022.flattening import flatten_bytes, flatten_tree
from lockstep.iso20022.forms import recall
from lockstep.iso20022.leaves import expression_of
from lockstep.iso20022.validation import parse, validate
from lockstep.testing.mutation import TEXTS

GOLDEN = Path(__file__).parents[2] / "golden"
FILES = [file for file in sorted(GOLDEN.glob("*.xml")) if b"<!" not in file.read_bytes()]
"""Those without comments and CDATA, which have no form."""


def definition_of(file: Path) -> str:
    return ".".join(file.name.split(".")[:4])


@pytest.fixture(scope="module", autouse=True)
def learned() -> None:
    for file in FILES * 3:
        read(file.read_bytes())


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_every_leaf_has_an_expression_and_every_message_a_form(file: Path) -> None:
    data = file.read_bytes()
    values, tree = flatten_bytes(data), flatten_tree(parse(data))
    assert values == tree
    leaves = [path for path, text in tree.items() if text and "/@" not in path]
    assert leaves
    assert [path for path in leaves if expression_of(definition_of(file), path) is None] == []
    forms._forms.clear()
    forms._learned.clear()
    flattening._shapes.clear()
    assert recall(data) is None
    for _ in range(forms._AFTER):
        assert read(data) == EXPECTED[file.name.removesuffix(".xml").removesuffix(".written")]
    assert recall(data) == tree
    assert read(data) == EXPECTED[file.name.removesuffix(".xml").removesuffix(".written")]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_whatever_a_form_takes_the_schema_takes(file: Path) -> None:
    """Every leaf with every text that the mutator knows, and with its own text cut, doubled, stretched."""
    data = file.read_bytes()
    for _ in range(forms._AFTER):
        read(data)
    chance, taken = random.Random(file.name), 0
    for element in parse(data).iter(etree.Element):
        own = (element.text or "").encode()
        if len(element) or not own:
            continue
        name = etree.QName(element).localname.encode()
        for text in (*chance.sample(TEXTS, 25), own[:-1], own + own, own + b"0", own.swapcase()):
            changed = data.replace(b">" + own + b"</" + name, b">" + text + b"</" + name)
            values = recall(changed)
            if values is not None:
                taken += 1
                root = parse(changed)
                validate(root)
                assert values == flatten_tree(root)
    assert taken > 3


@settings(max_examples=300, deadline=None, database=None, derandomize=True)
@given(text=st.text(st.characters(codec="utf-8"), max_size=40))
def test_any_text_in_a_line(text: str) -> None:
    """The leaf that takes most: a customer's name."""
    data = (GOLDEN / "pacs.008.001.08.plain.xml").read_bytes()
    changed = data.replace(b"Tanaka Shoten", text.encode())
    values = recall(changed)
    if values is not None:
        root = parse(changed)
        validate(root)
        assert values == flatten_tree(root)
        assert write(read(changed))


def test_what_fits_a_form_and_breaks_a_rule_is_refused_in_the_same_words() -> None:
    data = (GOLDEN / "pacs.008.001.08.xml").read_bytes()
    for _ in range(forms._AFTER):
        read(data)
    wrong = data.replace(b"DE89370400440532013000", b"DE98370400440532013000")
    assert recall(wrong) is not None
    with pytest.raises(InvalidMessage) as refused:
        read(wrong)
    assert refused.value.rule == "check digits should be 89 (ISO 13616)"


def test_forms_are_few_and_the_last_used_is_first() -> None:
    data = (GOLDEN / "admi.004.001.02.xml").read_bytes()
    shapes = [data.replace(b"<EvtCd>", b"\n" * number + b"<EvtCd>") for number in range(forms._FORMS + 3)]
    for one in shapes:
        for _ in range(forms._AFTER):
            read(one)
    kept = forms._forms[b"admi.004.001.02"]
    assert len(kept) == forms._FORMS
    assert recall(shapes[0]) is None
    assert recall(shapes[4]) is not None
    assert forms._forms[b"admi.004.001.02"][0] is kept[-2]
    assert codec.read(shapes[0]) == EXPECTED["admi.004.001.02"]
