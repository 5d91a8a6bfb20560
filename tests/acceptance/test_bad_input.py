"""What participants may get wrong: each message refused with field, value and rule, and the rest settles."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from eth_utils.address import to_checksum_address

from lockstep.chain.ledger import EvmAssetLedger
from lockstep.chain.node import Node
from lockstep.chain.sender import Sender
from lockstep.domain.errors import ContractRefused, Misconfigured, Refused
from lockstep.domain.market import Network
from lockstep.domain.order import Order
from lockstep.flow.ordering import order_for
from lockstep.iso20022 import write
from lockstep.signing import Key, settlement_id
from lockstep.testing.fakes import FakeTransactionLog

from .running import EVERYBODY, Installation
from .story import FIRST_DAY, Writer, seller_reference


@pytest.fixture(scope="module")
def small(installed: Callable[[Path], Installation], small_market: Path) -> Installation:
    return installed(small_market)


JPY = FIRST_DAY / "1-opening" / "060-t03-tato-delivers.xml"
ISIN = "Document/SctiesSttlmTxInstr/FinInstrmId/ISIN"
AMOUNT = "Document/SctiesSttlmTxInstr/SttlmAmt/Amt"


def _good(number: int) -> bytes:
    return write(Writer.instructions(number, "100000.00")[0])


def _swapped(number: int, old: str, new: str) -> bytes:
    data = _good(number).decode()
    assert old in data
    return data.replace(old, new).encode()


BAD = [
    ("malformed", _good(10)[:-60], "XML", "line 2, column [0-9]+", r"well-formed XML \(.*\)"),
    (
        "no-xml",
        b"Please deliver 5 million EXB31.",
        "XML",
        "line 1, column 1",
        r"well-formed XML \(Start tag expected.*\)",
    ),
    ("empty", b"", "XML", "line 1, column 1", r"well-formed XML \(Document is empty\)"),
    (
        "entity",
        b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>' + _good(11).partition(b"\n")[2],
        "XML/DOCTYPE",
        "<!DOCTYPE x .*",
        "no document type declaration, hence no entities",
    ),
    (
        "version",
        _swapped(12, "sese.023.001.11", "sese.023.001.09"),
        "Document/@xmlns",
        "sese.023.001.09",
        "version sese.023.001.11 is taken",
    ),
    ("isin-digit", _swapped(13, "ZZ00EXB20314", "ZZ00EXB20315"), ISIN, "ZZ00EXB20315", r"check digit should be 4 .*"),
    (
        "isin-unknown",
        _swapped(14, "ZZ00EXB20314", "ZZ00LOREM014"),
        "FinInstrmId/ISIN",
        "ZZ00LOREM014",
        "a security that is settled here",
    ),
    (
        "lei",
        _swapped(15, "ZZZZ00ATLANTISCU0428", "ZZZZ00ATLANTISCU0429"),
        "Document/SctiesSttlmTxInstr/RcvgSttlmPties/Pty1/LEI",
        "ZZZZ00ATLANTISCU0429",
        r"check digits should be 28 \(ISO 17442\)",
    ),
    (
        "bic",
        _swapped(16, "<AnyBIC>ATLSZZ2A</AnyBIC>", "<AnyBIC>ATLSZ22</AnyBIC>"),
        "Document/SctiesSttlmTxInstr/RcvgSttlmPties/Pty1/Id/AnyBIC",
        "ATLSZ22",
        r".*\(ISO 9362\)",
    ),
    (
        "sender-bic",
        _swapped(17, "<BICFI>FABLZZ2A</BICFI>", "<BICFI>FABL-ZZ2</BICFI>"),
        "AppHdr/Fr/FIId/FinInstnId/BICFI",
        "FABL-ZZ2",
        r".*\(ISO 9362\)",
    ),
    (
        "yen",
        JPY.read_bytes().replace(b'<Amt Ccy="JPY">498750000</Amt>', b'<Amt Ccy="JPY">100.5</Amt>'),
        AMOUNT,
        "100.5",
        "at most 0 decimals for JPY",
    ),
    ("cents", _swapped(18, "100000.00</Amt>", "100000.001</Amt>"), AMOUNT, "100000.001", "at most 2 decimals for EUR"),
    (
        "zero",
        _swapped(19, "100000.00</Amt>", "0.00</Amt>"),
        AMOUNT,
        "0.00 EUR",
        "greater than zero: against payment only",
    ),
    (
        "stranger",
        _swapped(20, "ATLSZZ2A", "CHIMZZ2A").replace(b"ZZZZ00ATLANTISCU0428", b"ZZZZ00CHIMERABRO0638"),
        "RcvgSttlmPties/Pty1/LEI",
        "ZZZZ00CHIMERABRO0638",
        "the LEI of a participant",
    ),
    (
        "another's",
        _swapped(21, "<BICFI>FABLZZ2A</BICFI>", "<BICFI>UTOPZZ2A</BICFI>"),
        "AppHdr/Fr",
        "UTOPZZ2A",
        "FABLZZ2A, who owns the instruction",
    ),
    ("elsewhere", _swapped(22, "LSTPZZ2A", "OTHRZZ2A"), "AppHdr/To", "OTHRZZ2A", "LSTPZZ2A, this service"),
    (
        "late",
        _swapped(23, "2026-11-23</Dt>", "2026-11-20</Dt>"),
        "TradDtls/SttlmDt",
        "2026-11-20",
        "not before 2026-11-23",
    ),
]


def test_each_bad_message_is_refused_and_the_rest_settles(small: Installation, tmp_path: Path) -> None:
    small.start(*EVERYBODY)
    writer = Writer(tmp_path / "bad")
    for name, data, *_ in BAD:
        writer.raw(f"{name}.xml", data)
    good, _ = writer.trade(1, "100000.00")
    code, files = small.submit(tmp_path / "bad")
    assert code == 1
    told = {Path(one["file"]).stem: one for one in files}
    assert [name for name, one in told.items() if one["outcome"] == "instructed"] == ["ATLS-TEST-1", good.stem]
    for name, _, field, value, rule in BAD:
        one = told[name]
        assert one["outcome"] == "refused", name
        for pattern, key in ((field, "field"), (value, "value"), (rule, "rule")):
            assert re.fullmatch(pattern, one[key], re.DOTALL), (name, key, one)
        assert one["error"] and "\n" not in one["error"]
    _used_before(small, writer, tmp_path, good)
    small.attend(lambda: small.shows({seller_reference(1): "SETTLED"}), {}, 20, "the good trade settles")
    refusals = [row.entry for row in small.book.journal() if row.entry.kind == "refused"]
    assert len(refusals) == len(BAD) + 2, "and two that use an id again; a file that is not there is nobody's message"
    assert set(small.stop().values()) == {0}
    assert small.violations() == {}
    assert [one.booked_at for one in small.rtgs_facts().postings if one.reference.startswith("payment/")]


def _used_before(small: Installation, writer: Writer, tmp_path: Path, good: Path) -> None:
    """Replays and altered copies of what was taken."""
    same = writer.raw("the-same-under-another-name.xml", good.read_bytes())
    assert _outcomes(small, same) == (0, [("duplicate", None)])
    seller, _ = Writer.instructions(1, "100000.00")
    message_twice = writer.file(replace(seller, body=Writer.instructions(1, "200000.00")[0].body), "altered.xml")
    code, told = _outcomes(small, message_twice)
    assert (code, told[0][0]) == (1, "refused")
    assert told[0][1] == "message FABLZZ2A/FABL-TEST-1 exists already with other content"
    reference_twice = replace(message_of_cash("200000.00"), message_id="FABL-OTHER-1")
    code, told = _outcomes(small, writer.file(reference_twice))
    assert (code, told[0][0]) == (1, "refused")
    assert told[0][1] == "instruction ZZZZ00FABLEBANK00171/FABL-D-T1 exists already with other content"
    code, told = _outcomes(small, tmp_path / "missing.xml")
    assert (code, told[0][0]) == (1, "refused")
    assert "missing.xml" in (told[0][1] or "")


def message_of_cash(cash: str) -> Any:
    return Writer.instructions(1, cash)[0]


def _outcomes(small: Installation, path: Path) -> tuple[int, list[tuple[str, str | None]]]:
    code, files = small.submit(path)
    return code, [(one["outcome"], one["error"]) for one in files]


def test_an_id_used_before_is_refused_with_field_value_and_rule(small: Installation, tmp_path: Path) -> None:
    writer = Writer(tmp_path)
    seller, _ = Writer.instructions(2, "100000.00")
    small.submit(writer.file(seller))
    altered = replace(seller, body=Writer.instructions(2, "200000.00")[0].body)
    _, files = small.submit(writer.file(altered, "altered.xml"))
    assert files[0]["field"] and files[0]["value"] and files[0]["rule"]


# --- signatures, and another chain


@pytest.fixture
def ledger(small: Installation) -> EvmAssetLedger:
    node = Node(small.rpc)
    sender = Sender(node, small.home.key("operator"), FakeTransactionLog(), lambda _: None)
    return EvmAssetLedger(node, small.market.network, sender)


@pytest.fixture
def order(small: Installation, ledger: EvmAssetLedger) -> Order:
    """An order that both parties could sign."""
    if not small.trades():
        writer = Writer(small.logs / "messages")
        small.submit(*writer.trade(1, "100000.00"))
        small.run("run", "--until-quiet", "0.2")
    trade = small.trades()[seller_reference(1)]
    seller = small.market.participants[trade.terms.deliverer].wallet
    head = Node(small.rpc).head().timestamp
    return order_for(trade, small.market, epoch=1, nonce=ledger.next_nonce(seller, 0), now=head)


def _keys(small: Installation) -> tuple[Key, Key]:
    return small.home.key("wallet-FABLZZ2A"), small.home.key("wallet-ATLSZZ2A")


def _sign(key: Key, order: Order, network: Network) -> bytes:
    return key.sign(bytes.fromhex(settlement_id(order, network)))


def _refusal(ledger: EvmAssetLedger, small: Installation, order: Order, seller: bytes, buyer: bytes) -> dict[str, Any]:
    with pytest.raises(ContractRefused) as refused:
        ledger.lock(settlement_id(order, small.market.network), order, seller, buyer)
    assert refused.value.name == "InvalidSignature"
    return {**refused.value.details, "party": to_checksum_address(str(refused.value.details["party"]))}


def test_an_altered_signature(small: Installation, ledger: EvmAssetLedger, order: Order) -> None:
    seller_key, buyer_key = _keys(small)
    network = small.market.network
    seller, buyer = _sign(seller_key, order, network), _sign(buyer_key, order, network)
    for place in (0, 33, 64):
        altered = bytearray(seller)
        altered[place] ^= 1
        details = _refusal(ledger, small, order, bytes(altered), buyer)
        assert details["party"] == seller_key.address
    assert _refusal(ledger, small, order, seller, b"")["party"] == buyer_key.address
    assert _refusal(ledger, small, order, buyer, seller)["party"] == seller_key.address


def test_a_replayed_signature(small: Installation, ledger: EvmAssetLedger, order: Order) -> None:
    """What was signed for one order is worth nothing for another, not by one unit."""
    seller_key, buyer_key = _keys(small)
    network = small.market.network
    seller, buyer = _sign(seller_key, order, network), _sign(buyer_key, order, network)
    more = replace(order, movement=replace(order.movement, quantity=order.movement.quantity + 1))
    later = replace(order, terms=replace(order.terms, pay_by=order.terms.pay_by + 1))
    again = replace(order, movement=replace(order.movement, nonce=order.movement.nonce + 1))
    for other in (more, later, again):
        assert _refusal(ledger, small, other, seller, buyer)["party"] == seller_key.address


def test_a_signature_for_another_chain_or_contract(small: Installation, ledger: EvmAssetLedger, order: Order) -> None:
    network = small.market.network
    seller_key, buyer_key = _keys(small)
    token = small.market.securities[next(iter(small.market.securities))].token
    for other in (replace(network, chain_id=1), replace(network, dvp=token)):
        signed = _sign(seller_key, order, other), _sign(buyer_key, order, other)
        assert _refusal(ledger, small, order, *signed)["party"] == seller_key.address


def test_a_node_on_another_chain(small: Installation) -> None:
    with pytest.raises(Misconfigured, match=r"^the node is on chain 31337, configured is 1$"):
        EvmAssetLedger(Node(small.rpc), replace(small.market.network, chain_id=1))


def test_a_service_configured_for_another_chain_stops_with_one_line(small: Installation, tmp_path: Path) -> None:
    small.stop()
    path = small.home.root / "network.json"
    content = path.read_text()
    try:
        path.write_text(content.replace('"chain_id": 31337', '"chain_id": 1'))
        for role in ("service", "agent-1"):
            code, said = small.run(*(one for one in small.arguments(role) if one not in small.place))
            assert (code, said) == (1, "lockstep: the node is on chain 31337, configured is 1\n")
    finally:
        path.write_text(content)


def test_a_ledger_without_a_sender_only_looks(small: Installation, order: Order) -> None:
    looking = EvmAssetLedger(Node(small.rpc), small.market.network)
    with pytest.raises(Refused, match="ReadOnly"):
        looking.lock(settlement_id(order, small.market.network), order, b"", b"")
