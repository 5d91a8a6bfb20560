"""Every link forged, by the one whom the judge trusts to make packs: each is refused by its name (I7).

A forged pack is sealed again with the right key, so that nothing but the link itself is in the liar's way.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import rlp
from evidence_day import Day

from lockstep.domain.order import OutcomeResult
from lockstep.evidence import BrokenLink, Link, Pack, Trust, verify
from lockstep.evidence.canonical import dump
from lockstep.evidence.pack import AttestationPart, ChainPart, seal
from lockstep.evidence.trust import TrustedRoot
from lockstep.signing import Key, outcome_digest
from lockstep.signing.words import keccak

Forged = tuple[Pack, Trust]
Forge = Callable[[Day, Pack], Pack | Forged]
FORGERIES: list[tuple[Link, str, Forge]] = []


def forges(link: Link, words: str) -> Callable[[Forge], Forge]:
    """One way to forge a link, and words of the reason that must be given."""

    def known(forge: Forge) -> Forge:
        FORGERIES.append((link, words, forge))
        return forge

    return known


def all_blocks(*packs: Pack) -> tuple[bytes, ...]:
    return tuple(keccak(one) for pack in packs for one in pack.chain.headers)


def flipped(data: bytes, place: int = -1) -> bytes:
    changed = bytearray(data)
    changed[place] ^= 1
    return bytes(changed)


def changed_part(pack: Pack, name: str, **fields: Any) -> Pack:
    return replace(pack, **{name: replace(getattr(pack, name), **fields)})


def changed_chain(pack: Pack, name: str, **fields: Any) -> Pack:
    return replace(pack, chain=replace(pack.chain, **{name: replace(getattr(pack.chain, name), **fields)}))


def changed_entry(pack: Pack, place: int, **fields: Any) -> Pack:
    entries = list(pack.journal.entries)
    entries[place] = replace(entries[place], **fields)
    return changed_part(pack, "journal", entries=tuple(entries))


def said(pack: Pack, *words: bytes) -> int:
    """Which cash message has all of these words."""
    return next(place for place, one in enumerate(pack.cash_messages) if all(word in one for word in words))


def without(pack: Pack, *words: bytes) -> Pack:
    return replace(
        pack, cash_messages=tuple(one for one in pack.cash_messages if not all(word in one for word in words))
    )


def with_message(pack: Pack, place: int, data: bytes) -> Pack:
    messages = list(pack.cash_messages)
    assert messages[place] != data
    messages[place] = data
    return replace(pack, cash_messages=tuple(messages))


# --- network, terms, instructions


@forges(Link.NETWORK, "on chain")
def another_chain(day: Day, pack: Pack) -> Pack:
    return changed_part(pack, "network", chain_id=pack.network.chain_id + 1)


@forges(Link.NETWORK, "you trust")
def another_contract(day: Day, pack: Pack) -> Pack:
    return changed_part(pack, "network", dvp=pack.order.token)


@forges(Link.TERMS, "their hash")
def another_price(day: Day, pack: Pack) -> Pack:
    return changed_part(pack, "terms", cash="1.00")


@forges(Link.TERMS, "their hash")
def another_trade(day: Day, pack: Pack) -> Pack:
    return replace(pack, trade_id=day.pack("second").trade_id)


@forges(Link.TERMS, "breaks the rule")
def no_amount(day: Day, pack: Pack) -> Pack:
    return changed_part(pack, "terms", quantity="-1")


@forges(Link.TERMS, "as messages write them")
def the_same_amount_written_otherwise(day: Day, pack: Pack) -> Pack:
    return changed_part(pack, "terms", cash=f"0{pack.terms.cash}")


@forges(Link.TERMS, "isoformat")
def no_day(day: Day, pack: Pack) -> Pack:
    return changed_part(pack, "terms", settlement_date="tomorrow")


@forges(Link.INSTRUCTION, "the terms say")
def an_instruction_of_another_trade(day: Day, pack: Pack) -> Pack:
    return replace(pack, instructions=(day.pack("second").instructions[0], pack.instructions[1]))


@forges(Link.INSTRUCTION, "says cash")
def an_instruction_for_another_price(day: Day, pack: Pack) -> Pack:
    amount = pack.terms.cash.encode()
    return replace(pack, instructions=(pack.instructions[0].replace(amount, b"1.00"), pack.instructions[1]))


@forges(Link.INSTRUCTION, "went from")
def an_instruction_by_another(day: Day, pack: Pack) -> Pack:
    """The header says another sender than the owner of the account."""
    seller, buyer = (day.trust.party(one).bic.encode() for one in (pack.terms.deliverer, pack.terms.receiver))
    forged = pack.instructions[0].replace(seller, buyer, 1)
    return replace(pack, instructions=(forged, pack.instructions[1]))


@forges(Link.INSTRUCTION, "BIC that you trust")
def an_instruction_by_a_strange_bank(day: Day, pack: Pack) -> Pack:
    seller = day.trust.party(pack.terms.deliverer).bic.encode()
    return replace(pack, instructions=(pack.instructions[0].replace(seller, b"BKZZZZ2A"), pack.instructions[1]))


@forges(Link.INSTRUCTION, "no instruction")
def a_payment_for_an_instruction(day: Day, pack: Pack) -> Pack:
    return replace(pack, instructions=(pack.cash_messages[0], pack.instructions[1]))


@forges(Link.INSTRUCTION, "breaks the rule")
def no_message_at_all(day: Day, pack: Pack) -> Pack:
    return replace(pack, instructions=(b"", pack.instructions[1]))


@forges(Link.INSTRUCTION, "deliverer")
def the_same_instruction_twice(day: Day, pack: Pack) -> Pack:
    return replace(pack, instructions=(pack.instructions[0], pack.instructions[0]))


@forges(Link.INSTRUCTION, "deliverer")
def instructions_the_wrong_way_round(day: Day, pack: Pack) -> Pack:
    return replace(pack, instructions=pack.instructions[::-1])


@forges(Link.INSTRUCTION, "no party")
def a_party_that_nobody_trusts(day: Day, pack: Pack) -> Forged:
    return pack, replace(day.trust, parties=day.trust.parties[3:])


# --- order, consent, agents


@forges(Link.ORDER, "says quantity")
def more_units(day: Day, pack: Pack) -> Pack:
    return changed_part(pack, "order", quantity=pack.order.quantity + 1)


@forges(Link.ORDER, "says token")
def a_worthless_token(day: Day, pack: Pack) -> Pack:
    return changed_part(pack, "order", token=pack.order.seller)


@forges(Link.ORDER, "says trade")
def an_order_for_another_trade(day: Day, pack: Pack) -> Pack:
    return changed_part(pack, "order", trade_id=day.pack("second").trade_id)


@forges(Link.ORDER, "its digest")
def another_deadline(day: Day, pack: Pack) -> Pack:
    return changed_part(pack, "order", pay_by=pack.order.pay_by + 1)


@forges(Link.ORDER, "its digest")
def another_settlement(day: Day, pack: Pack) -> Pack:
    return replace(pack, settlement_id=day.pack("second").settlement_id)


@forges(Link.ORDER, "after it was to be paid")
def a_lock_after_the_payment(day: Day, pack: Pack) -> Pack:
    return changed_part(pack, "order", lock_by=pack.order.pay_by + 1)


@forges(Link.ORDER, "says part")
def a_part_of_it(day: Day, pack: Pack) -> Pack:
    return changed_part(pack, "order", part=1)


@forges(Link.ORDER, "no uint64")
def a_nonce_that_is_none(day: Day, pack: Pack) -> Pack:
    return changed_part(pack, "order", nonce=-1)


@forges(Link.ORDER, "no token")
def a_security_that_nobody_trusts(day: Day, pack: Pack) -> Forged:
    return pack, replace(day.trust, securities=())


@forges(Link.CONSENT, "seller's signature is by")
def a_signature_of_another(day: Day, pack: Pack) -> Pack:
    signature = day.key.sign(bytes.fromhex(pack.settlement_id))
    return changed_part(pack, "order", seller_signature=signature)


@forges(Link.CONSENT, "signature")
def a_buyer_who_signed_something_else(day: Day, pack: Pack) -> Pack:
    return changed_part(pack, "order", buyer_signature=day.pack("second").order.buyer_signature)


@forges(Link.CONSENT, "65 bytes")
def half_a_signature(day: Day, pack: Pack) -> Pack:
    return changed_part(pack, "order", buyer_signature=pack.order.buyer_signature[:32])


@forges(Link.CONSENT, "wallet is")
def a_wallet_that_is_not_the_partys(day: Day, pack: Pack) -> Forged:
    others = tuple(replace(one, wallet=day.key.address) for one in day.trust.parties)
    return pack, replace(day.trust, parties=others)


@forges(Link.ATTESTATION, "SignatureMismatch")
def an_outcome_that_nobody_signed(day: Day, pack: Pack) -> Pack:
    return replace(pack, outcome="NEVER")


@forges(Link.ATTESTATION, "no outcome")
def an_outcome_that_is_none(day: Day, pack: Pack) -> Pack:
    return replace(pack, outcome="LATER")


@forges(Link.ATTESTATION, "SignatureMismatch")
def an_agents_signature_by_another(day: Day, pack: Pack) -> Pack:
    digest = outcome_digest(pack.settlement_id, OutcomeResult.PAID, pack.order.epoch, day.trust.market_network())
    one, *rest = pack.attestations
    return replace(pack, attestations=(replace(one, signature=day.key.sign(digest)), *rest))


@forges(Link.ATTESTATION, "not agents")
def an_agent_of_ones_own(day: Day, pack: Pack) -> Pack:
    digest = outcome_digest(pack.settlement_id, OutcomeResult.PAID, pack.order.epoch, day.trust.market_network())
    mine = AttestationPart(agent=day.key.address, signature=day.key.sign(digest))
    return replace(pack, attestations=(*pack.attestations[:2], mine))


@forges(Link.ATTESTATION, "not agents")
def one_agent_three_times(day: Day, pack: Pack) -> Pack:
    return replace(pack, attestations=pack.attestations[:1] * 3)


@forges(Link.ATTESTATION, "no agents of epoch")
def an_epoch_that_nobody_trusts(day: Day, pack: Pack) -> Forged:
    return pack, replace(day.trust, epochs=(replace(day.trust.epochs[0], number=9),))


@forges(Link.QUORUM, "are needed")
def two_agents_only(day: Day, pack: Pack) -> Pack:
    return replace(pack, attestations=pack.attestations[:2])


@forges(Link.QUORUM, "0 agents")
def no_agents(day: Day, pack: Pack) -> Pack:
    return replace(pack, attestations=())


# --- cash


@forges(Link.CASH_MESSAGE, "is of settlement")
def a_message_about_another_payment(day: Day, pack: Pack) -> Pack:
    return with_message(pack, -1, day.pack("second").cash_messages[-1])


@forges(Link.CASH_MESSAGE, "does not name")
def a_payment_of_another_amount(day: Day, pack: Pack) -> Pack:
    return with_message(pack, 0, pack.cash_messages[0].replace(pack.terms.cash.encode(), b"1.00"))


@forges(Link.CASH_MESSAGE, "does not name")
def a_report_to_another_account(day: Day, pack: Pack) -> Pack:
    place = said(pack, b"<TxSts>ACSC<")
    return with_message(pack, place, pack.cash_messages[place].replace(b"RTGS-EUR-", b"RTGS-XXX-"))


@forges(Link.CASH_MESSAGE, "the terms say")
def a_booking_of_another_amount(day: Day, pack: Pack) -> Pack:
    place = said(pack, b"BkToCstmrDbtCdtNtfctn>")
    return with_message(pack, place, pack.cash_messages[place].replace(pack.terms.cash.encode(), b"1.00"))


@forges(Link.CASH_MESSAGE, "went from")
def a_message_not_from_the_rtgs(day: Day, pack: Pack) -> Forged:
    return pack, replace(day.trust, rtgs="CBNKZZ2AYYY")


@forges(Link.CASH_MESSAGE, "twice")
def a_message_twice(day: Day, pack: Pack) -> Pack:
    return replace(pack, cash_messages=(*pack.cash_messages, pack.cash_messages[-1]))


@forges(Link.CASH_MESSAGE, "nothing of one payment")
def an_instruction_among_the_cash(day: Day, pack: Pack) -> Pack:
    return replace(pack, cash_messages=(*pack.cash_messages, pack.instructions[0]))


@forges(Link.CASH_MESSAGE, "breaks the rule")
def a_message_that_cannot_be_read(day: Day, pack: Pack) -> Pack:
    return with_message(pack, -1, pack.cash_messages[-1][:-20])


@forges(Link.CASH_OUTCOME, "not both there")
def no_notice_of_the_booking(day: Day, pack: Pack) -> Pack:
    return without(pack, b"BkToCstmrDbtCdtNtfctn>")


@forges(Link.CASH_OUTCOME, "not both there")
def no_report_of_the_booking(day: Day, pack: Pack) -> Pack:
    return without(pack, b"<TxSts>ACSC<")


@forges(Link.CASH_OUTCOME, "no message of the RTGS")
def no_message_of_the_rtgs(day: Day, pack: Pack) -> Pack:
    return replace(pack, cash_messages=pack.cash_messages[:1])


@forges(Link.CASH_OUTCOME, "two stories")
def both_stories(day: Day, pack: Pack) -> Pack:
    place = said(pack, b"<TxSts>ACSC<")
    refused = day.pack("poor").cash_messages[said(day.pack("poor"), b"<TxSts>RJCT<")]
    report = pack.cash_messages[place].replace(b"<TxSts>ACSC</TxSts>", _reason_of(refused))
    report = report.replace(_id_of(report), b"FORGED-1")
    return replace(pack, cash_messages=(*pack.cash_messages, report))


@forges(Link.CASH_OUTCOME, "after payBy")
def booked_too_late(day: Day, pack: Pack) -> Pack:
    """At the last second of the day; the order names 22:00."""
    place = said(pack, b"<TxSts>ACSC<")
    data = pack.cash_messages[place]
    start = data.index(b"<AccptncDtTm>") + len(b"<AccptncDtTm>")
    instant = data[start : data.index(b"</AccptncDtTm>")]
    return with_message(pack, place, data.replace(instant, instant[:11] + b"23:59:59" + instant[19:]))


def _reason_of(refused: bytes) -> bytes:
    start = refused.index(b"<TxSts>")
    return refused[start : refused.index(b"</StsRsnInf>") + len(b"</StsRsnInf>")]


def _id_of(data: bytes) -> bytes:
    return data.partition(b"<BizMsgIdr>")[2].partition(b"</BizMsgIdr>")[0]


# --- chain


@forges(Link.HEADER, "none that you trust")
def a_header_that_was_changed(day: Day, pack: Pack) -> Pack:
    headers = (flipped(pack.chain.headers[0], 40), *pack.chain.headers[1:])
    return replace(pack, chain=replace(pack.chain, headers=headers))


@forges(Link.HEADER, "none that you trust")
def blocks_that_nobody_trusts(day: Day, pack: Pack) -> Forged:
    return pack, replace(day.trust, blocks=(bytes(32),))


@forges(Link.HEADER, "in its place")
def headers_out_of_order(day: Day, pack: Pack) -> Forged:
    forged = replace(pack, chain=replace(pack.chain, headers=pack.chain.headers[::-1]))
    return forged, replace(day.trust, blocks=all_blocks(pack))


@forges(Link.HEADER, "RLP")
def no_header(day: Day, pack: Pack) -> Pack:
    return replace(pack, chain=replace(pack.chain, headers=(*pack.chain.headers, b"\xff")))


@forges(Link.FINALITY, "makes the end final")
def an_end_that_is_not_final(day: Day, pack: Pack) -> Forged:
    forged = replace(pack, chain=replace(pack.chain, headers=pack.chain.headers[:-1]))
    return forged, replace(day.trust, blocks=all_blocks(pack))


@forges(Link.FINALITY, "is not there")
def a_block_that_is_not_there(day: Day, pack: Pack) -> Pack:
    return changed_chain(pack, "lock", block=pack.chain.lock.block - 1)


@forges(Link.FINALITY, "is not there")
def more_depth_than_the_pack_has(day: Day, pack: Pack) -> Forged:
    return pack, replace(day.trust, network=replace(day.trust.network, finality_depth=50))


@forges(Link.FINALITY, "is not after")
def the_end_before_the_lock(day: Day, pack: Pack) -> Pack:
    return replace(pack, chain=replace(pack.chain, lock=pack.chain.end, end=pack.chain.lock))


@forges(Link.TRANSACTION, "the one that is referred to")
def a_transaction_that_was_changed(day: Day, pack: Pack) -> Pack:
    """It stands in the last node."""
    *nodes, last = pack.chain.lock.transaction_proof
    return changed_chain(pack, "lock", transaction_proof=(*nodes, flipped(last)))


@forges(Link.TRANSACTION, "the end's")
def a_proof_of_another_place(day: Day, pack: Pack) -> Pack:
    return changed_chain(pack, "end", place=pack.chain.end.place + 1)


@forges(Link.TRANSACTION, "place in its block")
def no_place(day: Day, pack: Pack) -> Pack:
    return changed_chain(pack, "end", place=-1)


@forges(Link.TRANSACTION, "the one that is referred to")
def a_node_that_was_changed(day: Day, pack: Pack) -> Pack:
    proof = pack.chain.end.transaction_proof
    return changed_chain(pack, "end", transaction_proof=(flipped(proof[0]), *proof[1:]))


@forges(Link.TRANSACTION, "belong to no way")
def a_node_too_many(day: Day, pack: Pack) -> Pack:
    proof = pack.chain.end.transaction_proof
    return changed_chain(pack, "end", transaction_proof=(*proof, proof[-1]))


@forges(Link.RECEIPT, "the one that is referred to")
def a_receipt_that_was_changed(day: Day, pack: Pack) -> Pack:
    *nodes, last = pack.chain.end.receipt_proof
    return changed_chain(pack, "end", receipt_proof=(*nodes, flipped(last)))


@forges(Link.RECEIPT, "referred to")
def a_transaction_for_a_receipt(day: Day, pack: Pack) -> Pack:
    return changed_chain(pack, "end", receipt_proof=pack.chain.end.transaction_proof)


@forges(Link.RECEIPT, "missing")
def no_proof_of_the_receipt(day: Day, pack: Pack) -> Pack:
    return changed_chain(pack, "lock", receipt_proof=())


@forges(Link.RECEIPT, "the lock's")
def the_receipt_of_another_block(day: Day, pack: Pack) -> Pack:
    return changed_chain(pack, "lock", receipt_proof=pack.chain.end.receipt_proof)


def _joined(day: Day, pack: Pack, lock: str, end: str) -> Forged:
    """Lock and end of two trades, with all headers of both; each was on the chain."""
    packs = {"first": pack, "poor": day.pack("poor"), "second": day.pack("second")}
    headers = sorted({one for name in (lock, end) for one in packs[name].chain.headers}, key=lambda one: _number(one))
    chain = ChainPart(headers=tuple(headers), lock=packs[lock].chain.lock, end=packs[end].chain.end)
    return replace(pack, chain=chain), replace(day.trust, blocks=all_blocks(*packs.values()))


def _number(header: bytes) -> int:
    return int.from_bytes(rlp.decode(header)[8])


@forges(Link.LOCK, "no event")
def the_lock_of_another_trade(day: Day, pack: Pack) -> Forged:
    return _joined(day, pack, "second", "first")


@forges(Link.END, "no event")
def the_end_of_another_trade(day: Day, pack: Pack) -> Forged:
    return _joined(day, pack, "first", "poor")


# --- journal, moments, seal


@forges(Link.JOURNAL_ENTRY, "none is there")
def no_journal(day: Day, pack: Pack) -> Pack:
    return changed_part(pack, "journal", entries=())


@forges(Link.JOURNAL_ENTRY, "is about")
def an_entry_about_another_trade(day: Day, pack: Pack) -> Pack:
    """It is in the journal, and under its root."""
    return changed_part(pack, "journal", entries=day.pack("second").journal.entries[-1:])


@forges(Link.JOURNAL_ENTRY, "in its place")
def entries_out_of_order(day: Day, pack: Pack) -> Pack:
    return changed_part(pack, "journal", entries=pack.journal.entries[::-1])


@forges(Link.JOURNAL_ENTRY, "no instant")
def an_entry_at_no_time(day: Day, pack: Pack) -> Pack:
    return changed_entry(pack, 0, at="noon")


@forges(Link.JOURNAL_ENTRY, "how an instant is written")
def the_same_time_written_otherwise(day: Day, pack: Pack) -> Pack:
    return changed_entry(pack, 0, at=pack.journal.entries[0].at.replace("T", " "))


@forges(Link.JOURNAL_PATH, "under the root")
def a_fact_that_was_changed(day: Day, pack: Pack) -> Pack:
    return changed_entry(pack, 1, facts={**pack.journal.entries[1].facts, "cash": "1.00 EUR"})


@forges(Link.JOURNAL_PATH, "under the root")
def another_hash_before(day: Day, pack: Pack) -> Pack:
    return changed_entry(pack, 0, previous="0" * 63 + "1")


@forges(Link.JOURNAL_PATH, "under the root")
def another_root(day: Day, pack: Pack) -> Pack:
    return changed_part(pack, "journal", root=bytes(32))


@forges(Link.JOURNAL_PATH, "few")
def a_path_that_is_too_short(day: Day, pack: Pack) -> Pack:
    return changed_entry(pack, 0, path=pack.journal.entries[0].path[:-1])


@forges(Link.JOURNAL_PATH, "no leaf")
def a_journal_that_is_too_short(day: Day, pack: Pack) -> Pack:
    return changed_part(pack, "journal", size=0)


@forges(Link.JOURNAL_PATH, "many")
def a_journal_of_one_entry(day: Day, pack: Pack) -> Pack:
    entries = (replace(pack.journal.entries[0], number=1), *pack.journal.entries[1:])
    return changed_part(pack, "journal", size=1, entries=entries)


@forges(Link.JOURNAL_ROOT, "you trust")
def a_journal_that_was_written_anew(day: Day, pack: Pack) -> Forged:
    """All its paths are right under a root of the liar's own; the root of that day is known otherwise."""
    return pack, replace(day.trust, roots=(TrustedRoot(size=pack.journal.size, root=bytes(32)),))


@forges(Link.JOURNAL_MAIL, "was heard")
def a_message_that_the_journal_does_not_know(day: Day, pack: Pack) -> Pack:
    kept = tuple(one for one in pack.journal.entries if one.kind != "heard")
    return changed_part(pack, "journal", entries=kept)


@forges(Link.JOURNAL_MAIL, "was instructed")
def an_instruction_that_the_journal_does_not_know(day: Day, pack: Pack) -> Pack:
    kept = tuple(one for one in pack.journal.entries if one.kind != "instructed")
    return changed_part(pack, "journal", entries=kept)


@forges(Link.JOURNAL_MAIL, "is of instruction")
def another_trades_instruction_in_the_journal(day: Day, pack: Pack) -> Pack:
    others = [one for one in day.pack("second").journal.entries if one.kind == "instructed"]
    entries = sorted((*pack.journal.entries, *others), key=lambda one: one.number)
    return changed_part(pack, "journal", entries=tuple(entries))


@forges(Link.MOMENTS, "follow to be")
def another_moment(day: Day, pack: Pack) -> Pack:
    cash = replace(pack.moments.cash, final=pack.moments.cash.entered + " ")
    return replace(pack, moments=replace(pack.moments, cash=cash))


@forges(Link.MOMENTS, "follow to be")
def no_moment(day: Day, pack: Pack) -> Pack:
    return replace(pack, moments=replace(pack.moments, securities=replace(pack.moments.securities, final=None)))


@pytest.mark.parametrize(
    ("link", "words", "forge"), FORGERIES, ids=[f"{link.value}-{forge.__name__}" for link, _, forge in FORGERIES]
)
def test_a_forged_link_is_refused_by_its_name(day: Day, link: Link, words: str, forge: Forge) -> None:
    made = forge(day, day.pack())
    pack, trust = made if isinstance(made, tuple) else (made, day.trust)
    with pytest.raises(BrokenLink) as refused:
        verify(dump(day.sealed(pack)), trust)
    assert refused.value.link is link, refused.value
    assert words in refused.value.reason


def stranger(pack: Pack) -> Pack:
    return seal(pack, Key(b"\x05" * 32))


def as_another(pack: Pack) -> Pack:
    """Sealed by a stranger who says that he is the one who is trusted."""
    sealed = stranger(pack)
    assert sealed.seal is not None and pack.seal is not None
    return replace(sealed, seal=replace(sealed.seal, signer=pack.seal.signer))


def an_entry_left_out(pack: Pack) -> Pack:
    """What else holds without it: only the seal tells that the pack had one more."""
    place = next(place for place, one in enumerate(pack.journal.entries) if one.kind not in ("heard", "instructed"))
    entries = pack.journal.entries[:place] + pack.journal.entries[place + 1 :]
    return changed_part(pack, "journal", entries=entries)


@pytest.mark.parametrize(
    ("words", "forge"),
    [
        ("nobody", lambda pack: replace(pack, seal=None)),
        ("whom you do not trust", stranger),
        ("something in the pack was changed", as_another),
        ("something in the pack was changed", an_entry_left_out),
        ("something in the pack was changed", lambda pack: replace(pack, attestations=pack.attestations[:3])),
        ("65 bytes", lambda pack: replace(pack, seal=replace(pack.seal, signature=b""))),
    ],
)
def test_a_seal_that_does_not_fit(day: Day, words: str, forge: Callable[[Pack], Pack]) -> None:
    with pytest.raises(BrokenLink) as refused:
        verify(dump(forge(day.pack())), day.trust)
    assert refused.value.link is Link.SEAL, refused.value
    assert words in refused.value.reason


@pytest.mark.parametrize(
    "forge",
    [
        lambda data: data[:-1],
        lambda data: data + b"\n",
        lambda data: b" " + data,
        lambda data: data.replace(b",", b", ", 1),
        lambda data: data.replace(b'{"attestations"', b'{"also":1,"attestations"', 1),
        lambda data: data.replace(b'"form":', b'"form":"lockstep-evidence-1","form":', 1),
        lambda data: data.replace(b'"outcome":"PAID",', b"", 1),
        lambda data: data.replace(b'"outcome":"PAID"', b'"outcome":null', 1),
        lambda data: data.replace(b'"outcome":"PAID"', b'"outcome":"\\u0050AID"', 1),
        lambda data: data.replace(b'"outcome":"PAID"', b'"outcome":"\\ud800"', 1),
        lambda data: data.replace(b'"part":0', b'"part":0.0', 1),
        lambda data: data.replace(b'"part":0', b'"part":false', 1),
        lambda data: data.replace(b'"part":0', b'"part":-0', 1),
        lambda data: data.replace(b'"part":0', b'"part":NaN', 1),
        lambda data: data.replace(b'"part":0', b'"part":' + b"9" * 5000, 1),
        lambda data: data.replace(b"lockstep-evidence-1", b"lockstep-evidence-2", 1),
        lambda data: data.replace(b"a", b"A", 1) if b"a" in data else data,
        lambda data: b"[" * 100_000,
        lambda data: b"\xff" + data,
        lambda data: b"null\n",
        lambda data: b"",
        lambda data: data + b" " * (16 << 20),
    ],
)
def test_what_is_not_the_one_form_of_a_pack(day: Day, forge: Callable[[bytes], bytes]) -> None:
    data = forge(day.first.pack)
    assert data != day.first.pack
    with pytest.raises(BrokenLink) as refused:
        verify(data, day.trust)
    assert refused.value.link is Link.FORM, refused.value


def test_every_link_is_forged_here() -> None:
    assert {link for link, _, _ in FORGERIES} | {Link.SEAL, Link.FORM} == set(Link)
