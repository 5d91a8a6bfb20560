"""Evidence packs from an installation: what records, chain, agents' board and RTGS say of one trade, in one file."""

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from pathlib import Path

from lockstep.agent import DirectoryBoard
from lockstep.app.home import EMBEDDED, Home
from lockstep.app.intake import expand
from lockstep.app.processes import open_book, open_mail
from lockstep.app.views import find_trade
from lockstep.chain.blocks import block_of, header_of
from lockstep.chain.ledger import EvmAssetLedger
from lockstep.chain.node import Node
from lockstep.domain.anchor import DayRoot, Growing
from lockstep.domain.errors import Contradiction, InvalidInput, Misconfigured, Refused, Unavailable
from lockstep.domain.identifiers import SettlementId
from lockstep.domain.journal import GENESIS, JournalRow
from lockstep.domain.market import Market
from lockstep.domain.order import AssetEvent, Attestation, Epoch, OutcomeResult
from lockstep.domain.trade import Trade, TradeState
from lockstep.evidence.canonical import dump
from lockstep.evidence.journal_leg import INSTRUCTED, REBUILT
from lockstep.evidence.links import Verdict
from lockstep.evidence.making import UNTOLD, finished, headers_part, journal_part, transaction_part
from lockstep.evidence.pack import (
    FORM,
    AttestationPart,
    ChainPart,
    EntryPart,
    JournalPart,
    NetworkPart,
    OrderPart,
    Pack,
    TermsPart,
)
from lockstep.evidence.trust import FORM as TRUST_FORM
from lockstep.evidence.trust import Trust, TrustedEpoch, TrustedNetwork, TrustedParty, TrustedRoot, TrustedSecurity
from lockstep.evidence.verifying import verify
from lockstep.flow.ordering import payment_message
from lockstep.iso20022 import LARGEST_FILE, write
from lockstep.ports import AnchorBook, AttestationBoard, Book, StoredInstruction
from lockstep.signing import Key
from lockstep.signing import verify as check
from lockstep.signing.words import keccak

__all__ = ["Evidence", "Sources", "make_evidence", "open_sources"]

_ENDS = {
    TradeState.SETTLED: (OutcomeResult.PAID, "Settled"),
    TradeState.RELEASED: (OutcomeResult.NEVER, "GivenBack"),
}
MailOf = Callable[[int, int], Sequence[tuple[int, bytes]]]
"""The service's mail from the RTGS after a sequence number, at most so many, as bytes."""
_PAGE = 200
_MARGIN = timedelta(days=1)
"""Before and after the journal tells of a trade: the RTGS's clock is another, and a message may be late."""
_CREATED = re.compile(rb"<CreDt>([^<]{1,40})</CreDt>")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where a pack's parts come from, and the key that seals it."""

    market: Market
    book: Book
    node: Node
    assets: EvmAssetLedger
    board: AttestationBoard
    mail: MailOf
    key: Key
    anchors: AnchorBook
    """Of the journal's days."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """A pack's bytes, what this installation itself would trust to judge it by, and what came of that."""

    pack: bytes
    trust: Trust
    verdict: Verdict


def open_sources(home: Home) -> Sources:
    """Of an installation. Raises Misconfigured, Unavailable."""
    settings, market, book = home.settings(), home.market(), open_book(home)
    if settings.rpc == EMBEDDED:
        raise Misconfigured("network.json, rpc: the chain lives inside `lockstep up`, and no proofs can be had of it")
    node = Node(settings.rpcs)
    return Sources(
        market=market,
        book=book,
        node=node,
        assets=EvmAssetLedger(node, market.network),
        board=DirectoryBoard(home.attestations),
        mail=open_mail(home),
        key=home.key("operator"),
        anchors=book,
    )


def make_evidence(sources: Sources, identifier: str, files: Iterable[Path] = ()) -> Evidence:
    """The pack of one trade that settled, or was given back; judged as a stranger would before it is handed out.

    `files` are the original instructions, or folders with them among others: the records keep only their hashes.
    Raises InvalidInput for a trade that has not ended so, Unavailable while its end is not final or something of it
    cannot be had, BrokenLink where what was found does not hold together.
    """
    trade = find_trade(sources.book, identifier)
    order, settlement = trade.order, trade.settlement_id
    if trade.state not in _ENDS or order is None or settlement is None:
        raise InvalidInput("trade", trade.state.value, "SETTLED or RELEASED: ended on the chain")
    if trade.seller_signature is None or trade.buyer_signature is None:
        raise Unavailable(f"trade {trade.trade_id}: the wallets' signatures are not in the records")
    result, event = _ENDS[trade.state]
    epoch = sources.assets.epoch(order.movement.epoch)
    chain = _chain(sources, settlement, event)
    instructed = _instructed(sources.book, trade)
    journal, anchored = _journal(sources, trade, settlement, instructed)
    trust = _trust(sources, epoch, chain, anchored)
    unfinished = Pack(
        form=FORM,
        network=NetworkPart(chain_id=sources.market.network.chain_id, dvp=sources.market.network.dvp),
        trade_id=trade.trade_id,
        settlement_id=settlement,
        terms=TermsPart.of(trade.terms),
        instructions=_originals(instructed, files),
        order=OrderPart.of(order, trade.seller_signature, trade.buyer_signature),
        outcome=result.name,
        attestations=_attestations(sources, settlement, result, epoch),
        cash_messages=_cash_messages(sources, trade, settlement, journal.entries),
        chain=chain,
        journal=journal,
        moments=UNTOLD,
        seal=None,
    )
    pack = dump(finished(unfinished, trade.terms, order, settlement, trust, sources.key))
    return Evidence(pack=pack, trust=trust, verdict=verify(pack, trust))


# --- the chain


def _chain(sources: Sources, settlement: SettlementId, event: str) -> ChainPart:
    depth = sources.market.network.finality_depth
    history = sources.assets.history(settlement)
    parts = []
    numbers: dict[int, None] = {}
    for name in ("Locked", event):
        found = block_of(sources.node, _transaction(history, name))
        part = transaction_part(found.block, found.transactions, found.receipts, found.place)
        parts.append(part)
        numbers.update(dict.fromkeys(range(part.block, part.block + depth + 1)))
    head = sources.node.head().number
    if max(numbers) > head:
        raise Unavailable(f"the end is not final: block {max(numbers)} makes it so, the chain has {head}")
    headers = headers_part({number: header_of(sources.node, number) for number in numbers})
    return ChainPart(headers=headers, lock=parts[0], end=parts[1])


def _transaction(history: Sequence[AssetEvent], name: str) -> str:
    found = [one for one in history if one.name == name]
    if not found:
        raise Unavailable(f"the chain shows no {name} of this settlement")
    transaction = found[-1].transaction
    return transaction if transaction.startswith("0x") else f"0x{transaction}"


# --- agents and RTGS


def _attestations(
    sources: Sources, settlement: SettlementId, result: OutcomeResult, epoch: Epoch
) -> tuple[AttestationPart, ...]:
    """The agents' signatures over this outcome, one of each, in their order."""
    signed: dict[str, bytes] = {}
    for one in sources.board.attestations(settlement):
        if one.result is result and _is_valid(one, epoch, sources.market):
            signed.setdefault(one.agent, one.signature)
    if len(signed) < epoch.quorum:
        raise Unavailable(f"{len(signed)} of the agents' signatures are on the board, {epoch.quorum} are needed")
    return tuple(AttestationPart(agent=one, signature=signed[one]) for one in epoch.agents if one in signed)


def _is_valid(one: Attestation, epoch: Epoch, market: Market) -> bool:
    try:
        check(one, epoch, market.network)
    except Refused:
        return False
    return True


def _cash_messages(
    sources: Sources, trade: Trade, settlement: SettlementId, entries: Sequence[EntryPart]
) -> tuple[bytes, ...]:
    """The payment as it was sent, then what the RTGS told of it, as it came, around the time of the trade's entries.

    A message that names several settlements, as a statement does, is left out: it is others' business too.
    """
    found: list[bytes] = []
    if "cash" in trade.intents:
        found.append(write(payment_message(trade, sources.market, trade.intents["cash"])))
    about = settlement.encode()
    first, last = (datetime.fromisoformat(entries[place].at) for place in (0, -1))
    rebuilt = any(one.kind == REBUILT for one in entries)  # after the mail had come: entries do not say when
    after = 0 if rebuilt else _mail_before(sources.mail, sources.book.cash_cursor(), first - _MARGIN)
    while True:
        page = sources.mail(after, _PAGE)
        found += [data for _, data in page if about in data and b"BkToCstmrStmt>" not in data]
        if len(page) < _PAGE or (_created(page[-1][1]) or last) > last + _MARGIN:
            return tuple(dict.fromkeys(found))  # what the RTGS told twice stands once
        after = page[-1][0]


def _mail_before(mail: MailOf, through: int, since: datetime) -> int:
    """A sequence number through which no message of the RTGS was made after an instant; 0 where some do not say when.

    Found by halving, as a service has millions: the RTGS writes them in the order of time, but for what is late.
    """
    before = 0
    while before < through:
        middle = (before + through) // 2
        page = mail(middle, 1)
        made = _created(page[0][1]) if page else since
        if made is None:
            return 0
        if made < since:
            before = page[0][0]
        else:
            through = middle
    return before


def _created(data: bytes) -> datetime | None:
    """When a message was made, by its header, whatever else it is."""
    found = _CREATED.search(data)
    try:
        made = None if found is None else datetime.fromisoformat(found[1].decode())
    except ValueError:
        return None
    return made if made is not None and made.tzinfo is not None else None


# --- records


def _instructed(book: Book, trade: Trade) -> Sequence[StoredInstruction]:
    """The deliverer's and the receiver's instruction, as far as they are in the records."""
    terms = trade.terms
    keys = (terms.deliverer, terms.deliverer_reference), (terms.receiver, terms.receiver_reference)
    found = [book.instruction(*one) for one in keys]
    return [one for one in found if one is not None]


def _originals(instructed: Sequence[StoredInstruction], files: Iterable[Path]) -> tuple[bytes, ...]:
    """Of the files those that are these instructions, by their hashes, the deliverer's first."""
    wanted = [one.content_hash for one in instructed]
    found: dict[str, bytes] = {}
    for path in expand(files):
        if len(found) == len(wanted):
            break
        try:
            if path.stat().st_size >= LARGEST_FILE:
                continue
            data = path.read_bytes()
        except OSError as error:
            raise InvalidInput("file", path, f"readable ({error.strerror})") from error
        digest = hashlib.sha256(data).hexdigest()
        if digest in wanted:
            found[digest] = data
    return tuple(found[one] for one in wanted if one in found)


def _journal(
    sources: Sources, trade: Trade, settlement: SettlementId, instructed: Sequence[StoredInstruction]
) -> tuple[JournalPart, DayRoot | None]:
    """The trade's entries, in the tree over the journal as it was first anchored with all of them: that day, too.

    While no such root stands, as it was when their last day was over. Of the journal only these entries are read, and
    the hashes from the end of the last day closed before them.
    """
    book, anchors = sources.book, sources.anchors
    taken = {(one.instruction.reference, one.instruction.owner.bic, one.message_id) for one in instructed}
    subjects = {trade.trade_id, settlement, *(one.instruction.reference for one in instructed)}
    found = {row.number: row for subject in subjects for row in book.journal(subject)}
    rows = [
        row
        for _, row in sorted(found.items())
        if row.entry.subject in (trade.trade_id, settlement) or (row.entry.kind == INSTRUCTED and _taken(row) in taken)
    ]
    if not rows:
        raise Unavailable(f"trade {trade.trade_id}: the journal has no entry of it")
    anchored = anchors.day_root_over(rows[-1].number)
    before = anchors.closed_before(rows[0].number) or Growing()
    size = before.frontier.size
    hashes = anchors.journal_hashes(max(size - 1, 0))
    previous = GENESIS if size == 0 else next(hashes)[1]
    some = (
        _through_the_day(hashes, size, rows[-1])
        if anchored is None
        else (digest for _, digest in islice(hashes, anchored.size - size))
    )
    part = journal_part(rows, some, before.frontier, previous)
    if anchored is not None and part.root.hex() != anchored.root:
        raise Contradiction(f"{anchored.day}: the journal leads to the root {part.root.hex()}, not to the one anchored")
    return part, anchored


def _taken(row: JournalRow) -> tuple[str, str | None, str | None]:
    """Of an entry about an instruction, which one: reference, party and message."""
    return row.entry.subject, row.entry.facts.get("owner"), row.entry.facts.get("message_id")


def _through_the_day(hashes: Iterable[tuple[date, str]], size: int, last: JournalRow) -> Iterator[str]:
    """Those to the end of an entry's day, UTC, as far as that is over; the first is of the entry after `size`."""
    day = last.entry.at.astimezone(UTC).date()
    for number, (dated, digest) in enumerate(hashes, size + 1):
        if number > last.number and dated > day:
            return
        yield digest


# --- trust


def _trust(sources: Sources, epoch: Epoch, chain: ChainPart, anchored: DayRoot | None) -> Trust:
    """What this installation believes, for who has the same from elsewhere to compare it with."""
    market = sources.market
    depth = market.network.finality_depth
    last = {chain.lock.block + depth, chain.end.block + depth}
    numbers = sorted({part.block + step for part in (chain.lock, chain.end) for step in range(depth + 1)})
    return Trust(
        form=TRUST_FORM,
        network=TrustedNetwork(chain_id=market.network.chain_id, dvp=market.network.dvp, finality_depth=depth),
        service=market.service,
        rtgs=market.rtgs,
        seals=(sources.key.address,),
        epochs=(TrustedEpoch(number=epoch.number, agents=epoch.agents, quorum=epoch.quorum),),
        parties=tuple(
            TrustedParty(lei=one.lei, bic=one.bic, wallet=one.wallet) for one in market.participants.values()
        ),
        securities=tuple(
            TrustedSecurity(isin=one.isin, token=one.token, decimals=one.decimals) for one in market.securities.values()
        ),
        blocks=tuple(keccak(header) for number, header in zip(numbers, chain.headers, strict=True) if number in last),
        roots=() if anchored is None else (TrustedRoot(size=anchored.size, root=bytes.fromhex(anchored.root)),),
    )
