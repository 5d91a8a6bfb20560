"""Packs by a liar who has the maker's own key and works for it: everything that he changes is made to fit.

Each of these once passed, or was thought of while looking for one that would. What a maker of packs cannot be kept from
is in docs/reference/evidence.md.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from evidence_day import Day
from test_forged import changed_part, said, with_message

from lockstep.domain.journal import Entry, entry_hash
from lockstep.domain.merkle import inclusion_paths, leaf_hash, root
from lockstep.evidence import BrokenLink, Link, Pack, verify
from lockstep.evidence.canonical import dump
from lockstep.evidence.pack import EntryPart
from lockstep.evidence.verifying import CLOCKS_APART

Lie = Callable[[Pack], Pack]
ACSC, NOTICE = b"<TxSts>ACSC<", b"BkToCstmrDbtCdtNtfctn>"


def hash_of(one: EntryPart) -> str:
    entry = Entry(at=datetime.fromisoformat(one.at), kind=one.kind, subject=one.subject, facts=one.facts)
    return entry_hash(one.previous, one.number, entry)


def own_root(pack: Pack, entries: Sequence[EntryPart]) -> Pack:
    """These entries under a root of his own, which nobody anchored: all others of that journal are made up."""
    leaves = [leaf_hash(number.to_bytes(32)) for number in range(pack.journal.size)]
    for one in entries:
        leaves[one.number - 1] = leaf_hash(bytes.fromhex(hash_of(one)))
    paths = inclusion_paths(leaves, [one.number - 1 for one in entries])
    entries = [replace(one, path=tuple(path)) for one, path in zip(entries, paths, strict=True)]
    return changed_part(pack, "journal", root=root(leaves), entries=tuple(entries))


def with_facts(pack: Pack, kind: str, place: int, **facts: str) -> Pack:
    """The entry of a kind in this place among its like, with other facts; the chain holds as far as the pack has it."""
    entries = list(pack.journal.entries)
    at = [number for number, one in enumerate(entries) if one.kind == kind][place]
    assert all(name in entries[at].facts for name in facts)
    entries[at] = replace(entries[at], facts={**entries[at].facts, **facts})
    for number in range(at + 1, len(entries)):
        before, one = entries[number - 1], entries[number]
        if one.number == before.number + 1:
            entries[number] = replace(one, previous=hash_of(before))
    return own_root(pack, entries)


def replaced(pack: Pack, old: bytes, new: bytes, *words: bytes) -> Pack:
    place = said(pack, *words)
    return with_message(pack, place, pack.cash_messages[place].replace(old, new))


def moved(pack: Pack, seconds: int, *tags: bytes) -> Pack:
    """Every instant between these tags of the cash messages, so many seconds later, and the moments with them."""
    pattern = re.compile(b"(<(?:%b)>)([^<]+)Z(</)" % b"|".join(tags))

    def later(found: re.Match[bytes]) -> bytes:
        instant = datetime.fromisoformat(found[2].decode()) + timedelta(seconds=seconds)
        return found[1] + instant.isoformat().encode() + b"Z" + found[3]

    messages = tuple(pattern.sub(later, one) for one in pack.cash_messages)
    assert messages != pack.cash_messages
    cash = pack.moments.cash
    fields = {"entered": cash.entered, "irrevocable": cash.irrevocable, "final": cash.final}
    shifted = {name: _later(text, seconds) for name, text in fields.items()}
    return replace(pack, cash_messages=messages, moments=replace(pack.moments, cash=replace(cash, **shifted)))


def _later(text: str | None, seconds: int) -> str | None:
    return None if text is None else (datetime.fromisoformat(text) + timedelta(seconds=seconds)).isoformat()


# --- journals that no service writes


def a_chain_that_is_none(pack: Pack) -> Pack:
    """Two entries that stand beside each other, of which the later names another one before it."""
    numbers = [one.number for one in pack.journal.entries]
    place = next(place for place, number in enumerate(numbers[1:], 1) if number == numbers[place - 1] + 1)
    entries = list(pack.journal.entries)
    entries[place] = replace(entries[place], previous="ab" * 32)
    return own_root(pack, entries)


def a_beginning_after_something(pack: Pack) -> Pack:
    first = replace(pack.journal.entries[0], number=1)
    return own_root(pack, (first, *pack.journal.entries[1:]))


def another_price_was_taken(pack: Pack) -> Pack:
    return with_facts(pack, "instructed", 0, cash="1.00 EUR")


def the_other_side_was_taken(pack: Pack) -> Pack:
    return with_facts(pack, "instructed", 1, side="DELI")


def another_quantity_was_taken(pack: Pack) -> Pack:
    return with_facts(pack, "instructed", 0, quantity="1")


def a_notice_was_heard_as_a_report(pack: Pack) -> Pack:
    return with_facts(pack, "heard", -1, message="PaymentReport")


def it_was_heard_to_be_refused(pack: Pack) -> Pack:
    """Of the booking the journal says that it was none."""
    return with_facts(pack, "heard", 1, state="RJCT")


def the_messages_in_another_order(pack: Pack) -> Pack:
    return replace(pack, cash_messages=(*pack.cash_messages[:-2], *pack.cash_messages[:-3:-1]))


# --- payments that were not booked so


def a_payment_with_a_deadline_of_its_own(pack: Pack) -> Pack:
    messages = tuple(one.replace(b"22:00:00Z", b"21:00:00Z") for one in pack.cash_messages)
    assert messages != pack.cash_messages
    return replace(pack, cash_messages=messages)


def another_payment_was_sent(pack: Pack) -> Pack:
    """The same cash under another UETR: what was booked is not what the service asked for."""
    data = pack.cash_messages[0]
    uetr = data.partition(b"<UETR>")[2].partition(b"</UETR>")[0]
    return with_message(pack, 0, data.replace(uetr, uetr[:-1] + (b"1" if uetr.endswith(b"0") else b"0")))


def the_debtor_was_credited(pack: Pack) -> Pack:
    debited = replaced(pack, b">ICDT<", b">RCDT<", NOTICE, b">DBIT<")
    return replaced(debited, b">DBIT<", b">CRDT<", NOTICE, b">DBIT<")


def a_notice_after_the_deadline(pack: Pack) -> Pack:
    """pacs.002 ACSC is in time, camt.054 is not: agents go by the later of the two."""
    place = said(pack, NOTICE)
    data = pack.cash_messages[place]
    instant = data.partition(b"<BookgDt><DtTm>")[2].partition(b"<")[0]
    return with_message(pack, place, data.replace(instant, instant[:11] + b"23:59:59Z"))


def booked_before_it_was_locked(pack: Pack) -> Pack:
    return moved(pack, -3600, b"AccptncDtTm", b"DtTm")


def booked_after_it_was_delivered(pack: Pack) -> Pack:
    return moved(pack, 3600, b"AccptncDtTm", b"DtTm")


def known_to_the_rtgs_before_anybody_signed(pack: Pack) -> Pack:
    """Only the first report, so that the payment seems to have been in the system for a day."""
    place = said(pack, b"<TxSts>ACSP<")
    data = pack.cash_messages[place]
    instant = data.partition(b"<AccptncDtTm>")[2].partition(b"<")[0]
    earlier = (datetime.fromisoformat(instant.decode()) - timedelta(days=1)).isoformat().replace("+00:00", "Z")
    forged = with_message(pack, place, data.replace(instant, earlier.encode()))
    return changed_cash(forged, entered=earlier.replace("Z", "+00:00"))


def changed_cash(pack: Pack, **moments: str) -> Pack:
    return replace(pack, moments=replace(pack.moments, cash=replace(pack.moments.cash, **moments)))


# --- instructions that never matched


def an_instruction_to_another_counterparty(pack: Pack) -> Pack:
    """The LEI is right, the BIC is another bank's."""
    sender = pack.instructions[1].partition(b"<BICFI>")[2].partition(b"<")[0]
    other = pack.instructions[0]
    assert other.count(sender) >= 1
    return replace(pack, instructions=(other.replace(sender, b"BKACZZ2A"), pack.instructions[1]))


def instructions_of_two_trade_dates(pack: Pack) -> Pack:
    data = pack.instructions[0]
    day = data.partition(b"<TradDt><Dt><Dt>")[2].partition(b"<")[0]
    earlier = (datetime.fromisoformat(day.decode()) - timedelta(days=1)).date().isoformat().encode()
    dated = data.replace(b"<TradDt><Dt><Dt>" + day, b"<TradDt><Dt><Dt>" + earlier)
    assert dated != data
    return replace(pack, instructions=(dated, pack.instructions[1]))


# --- bytes that a reader and a person could read differently


def a_comment_within_an_amount(pack: Pack) -> Pack:
    amount = pack.terms.cash.encode()
    return replaced(pack, b">" + amount + b"<", b">" + amount + b"<!-- -->9<", ACSC)


def an_entity_for_an_amount(pack: Pack) -> Pack:
    amount = pack.terms.cash.encode()
    place = said(pack, ACSC)
    head, _, body = pack.cash_messages[place].partition(b"?>")
    defined = head + b'?><!DOCTYPE BizMsg [<!ENTITY a "' + amount + b'">]>' + body.replace(b">" + amount, b">&a;")
    return with_message(pack, place, defined)


def a_header_with_another_id_than_the_document(pack: Pack) -> Pack:
    place = said(pack, ACSC)
    data = pack.cash_messages[place]
    name = data.partition(b"<BizMsgIdr>")[2].partition(b"<")[0]
    return with_message(pack, place, data.replace(b"<MsgId>" + name, b"<MsgId>" + name[:-1] + b"Z"))


LIES: list[tuple[Link, Lie]] = [
    (Link.JOURNAL_ENTRY, a_chain_that_is_none),
    (Link.JOURNAL_ENTRY, a_beginning_after_something),
    (Link.JOURNAL_MAIL, another_price_was_taken),
    (Link.JOURNAL_MAIL, the_other_side_was_taken),
    (Link.JOURNAL_MAIL, another_quantity_was_taken),
    (Link.JOURNAL_MAIL, a_notice_was_heard_as_a_report),
    (Link.JOURNAL_MAIL, it_was_heard_to_be_refused),
    (Link.JOURNAL_MAIL, the_messages_in_another_order),
    (Link.CASH_MESSAGE, a_payment_with_a_deadline_of_its_own),
    (Link.CASH_OUTCOME, another_payment_was_sent),
    (Link.CASH_OUTCOME, the_debtor_was_credited),
    (Link.CASH_OUTCOME, a_notice_after_the_deadline),
    (Link.MOMENTS, booked_before_it_was_locked),
    (Link.MOMENTS, booked_after_it_was_delivered),
    (Link.MOMENTS, known_to_the_rtgs_before_anybody_signed),
    (Link.INSTRUCTION, an_instruction_to_another_counterparty),
    (Link.INSTRUCTION, instructions_of_two_trade_dates),
    (Link.CASH_MESSAGE, a_comment_within_an_amount),
    (Link.CASH_MESSAGE, an_entity_for_an_amount),
    (Link.CASH_MESSAGE, a_header_with_another_id_than_the_document),
]


@pytest.mark.parametrize(("link", "lie"), LIES, ids=[lie.__name__ for _, lie in LIES])
def test_a_lie_that_fits_is_refused_by_the_link_that_it_breaks(day: Day, link: Link, lie: Lie) -> None:
    with pytest.raises(BrokenLink) as refused:
        verify(dump(day.sealed(lie(day.pack()))), day.trust)
    assert refused.value.link is link, refused.value


def test_what_the_liar_starts_from_holds(day: Day) -> None:
    """Else the lies would prove nothing: his own root, over the same entries, is only not anchored."""
    pack = day.pack()
    verdict = verify(dump(day.sealed(own_root(pack, pack.journal.entries))), day.trust)
    assert {one.link for one in verdict.open} == {Link.JOURNAL_ROOT}


@pytest.mark.parametrize("seconds", [-CLOCKS_APART // 2, CLOCKS_APART // 2])
def test_clocks_that_differ_a_little_are_no_lie(day: Day, seconds: int) -> None:
    verify(dump(day.sealed(moved(day.pack(), seconds, b"AccptncDtTm", b"DtTm"))), day.trust)
