"""Bugs in the settlement service: its steps, its records, what it reads of the chain and sends to it."""

import pytest

from lockstep.agent import judging
from lockstep.chain.events import EventReader
from lockstep.chain.node import Head
from lockstep.chain.sender import Sender
from lockstep.flow import asking, matching, mirroring, ordering, settling
from lockstep.flow.engine import Engine
from lockstep.flow.stepping import Settler
from lockstep.flow.storing import Storing
from lockstep.store import leases
from lockstep.store.book import SqlBook
from lockstep.store.committing import Batch
from simulation.planting import Planted, rewrite

__all__ = ["PLANTED"]


def _settled_at_the_head(patch: pytest.MonkeyPatch) -> None:
    rewrite(patch, settling.observed, ("if asset.final is AssetStatus.SETTLED", "if asset.head is AssetStatus.SETTLED"))


def _cancels_while_it_may_be_locked(patch: pytest.MonkeyPatch) -> None:
    rewrite(
        patch, settling._before_lock, ("return Step.CANCEL if stale or not signed else Step.WAIT", "return Step.CANCEL")
    )


def _intents_in_memory(patch: pytest.MonkeyPatch) -> None:
    rewrite(
        patch,
        Storing._intend,
        (
            'return (yield from self._commit(replace(trade, intents=intents), f"{name} intended",'
            " settlement_id=settlement))",
            "return replace(trade, intents=intents)\n        yield",
        ),
    )
    rewrite(
        patch,
        Storing._store_observation,
        ("        if begun:\n", "        if False:\n"),
        ("trades=(after,)", "trades=(replace(after, intents=before.intents),)"),
    )


def _sends_before_it_stores(patch: pytest.MonkeyPatch) -> None:
    rewrite(patch, Sender._reserved, ("    self._log.put_all(made)\n", "    pass\n"))
    rewrite(patch, Sender._signed, ("    self._log.put_all([*made.values()])\n", "    pass\n"))
    rewrite(patch, Sender._broadcast, ("    self._log.put_all(left)\n", "    pass\n"))


def _reuses_the_account_nonce(patch: pytest.MonkeyPatch) -> None:
    rewrite(patch, Sender._free_nonces, ("while nonce in taken:", "while False:"))


def _salt_of_the_hour(patch: pytest.MonkeyPatch) -> None:
    rewrite(
        patch,
        matching._pair,
        ("(*deliver.key, *receive.key)", "(*deliver.key, *receive.key, deliver.received_at.isoformat())"),
    )


def _cent_more(patch: pytest.MonkeyPatch) -> None:
    rewrite(
        patch,
        ordering.payment_for,
        ("amount=terms.cash,", "amount=type(terms.cash)(currency=terms.cash.currency, amount=terms.cash.amount + 1),"),
    )
    _terms_unread(patch)


def _terms_unread(patch: pytest.MonkeyPatch) -> None:
    rewrite(patch, judging._same_terms, ("if paid != order.terms.cash_hash:", "if False:"))


def _parties_swapped(patch: pytest.MonkeyPatch) -> None:
    rewrite(
        patch,
        ordering.payment_for,
        ("debtor=buyer.account", "debtor=seller.account"),
        ("creditor=seller.account", "creditor=buyer.account"),
    )
    rewrite(
        patch,
        judging._same_terms,
        ("_same_parties(evidence, order, payment)", "pass"),
        ("if paid != order.terms.cash_hash:", "if False:"),
    )


def _locks_what_it_forgot(patch: pytest.MonkeyPatch) -> None:
    rewrite(patch, Settler._prepare, ("if known:", "if False:"))
    rewrite(patch, judging.judge_release, ("for history in evidence.earlier:", "for history in ():"))


def _fence_forgotten(patch: pytest.MonkeyPatch) -> None:
    rewrite(patch, leases.require, ("if lease is None:", "if True:"))


def _last_writer_wins(patch: pytest.MonkeyPatch) -> None:
    rewrite(
        patch,
        Batch._trade_conflict,
        ('return stored_since("trade", known.version if known else 0, trade.trade_id, trade.version)', "return None"),
    )


def _fence_and_version(patch: pytest.MonkeyPatch) -> None:
    _fence_forgotten(patch)
    _last_writer_wins(patch)


def _chain_of_one(patch: pytest.MonkeyPatch) -> None:
    rewrite(
        patch,
        SqlBook._append,
        ("for entry in entries:\n", "first = previous\n        for entry in entries:\n"),
        ("entry_hash(previous, number + 1, entry)", "entry_hash(first, number + 1, entry)"),
    )


def _cursor_first(patch: pytest.MonkeyPatch) -> None:
    rewrite(
        patch,
        Engine._hear_cash,
        (
            "change = heard(",
            "book.commit(Change(cash_cursor=page[-1][0]))\n            change = heard(",
        ),
    )


def _cursor_first_unasked(patch: pytest.MonkeyPatch) -> None:
    _cursor_first(patch)
    rewrite(patch, Settler._ask, ("if not due(begun, last, sight.now):", "if True:"))


def _reorganisation_unseen(patch: pytest.MonkeyPatch) -> None:
    rewrite(
        patch,
        EventReader._follow,
        ("same = at in self._hashes and self._is_same(at, there)", "same = True"),
        ("if same and at <= self._final <= head.number:", "if False:"),
    )


def _checkpoint_first(patch: pytest.MonkeyPatch) -> None:
    def refresh(self: EventReader, head: Head) -> None:
        self._follow(head)
        start, last = self._read_to, head.number
        if start == last:
            return
        self._read(head, [], last)  # read as far as the next pass knows
        logs = self._source.logs(start + 1, last)
        self._read_to = start
        self._read(head, logs, last)

    patch.setattr(EventReader, "_refresh", refresh)


def _double_is_a_contradiction(patch: pytest.MonkeyPatch) -> None:
    rewrite(patch, mirroring._ended, ("if view.state.is_never == booked_now:", "if True:"))


def _refused_is_cancelled(patch: pytest.MonkeyPatch) -> None:
    rewrite(patch, mirroring.fold, ("case Resolution(status=ResolutionStatus.CANCELLED):", "case Resolution():"))


def _never_asks(patch: pytest.MonkeyPatch) -> None:
    rewrite(patch, asking.due, ("return now >= due_at(begun, last)", "return False"))


PLANTED = (
    Planted(
        "settle before finality",
        "a trade is shown as settled once the head has it, not the final block",
        _settled_at_the_head,
        needs=("reorg-at-once",),
    ),
    Planted(
        "cancel a signed order",
        "a trade is cancelled though its signed order can still be locked",
        _cancels_while_it_may_be_locked,
        needs=("party-cancels",),
        rates={"party-cancels": 0.1, "rpc-forgotten": 0.4},
    ),
    Planted("intents in memory", "intents are acted on and not stored", _intents_in_memory, needs=("line-loss",)),
    Planted(
        "salt from the clock",
        "a trade's salt depends on when its instruction came",
        _salt_of_the_hour,
        needs=("restore-service",),
    ),
    Planted(
        "round up a cent",
        "the payment is a minor unit more than the trade's cash",
        _cent_more,
        "agents, who compare the cash terms",
    ),
    Planted(
        "swap buyer and seller",
        "the payment debits the seller and credits the buyer",
        _parties_swapped,
        "agents, who compare parties and cash terms",
    ),
    Planted(
        "lock what is locked",
        "a trade is locked again though the chain has a lock of it",
        _locks_what_it_forgot,
        "agents, who release one open lock per trade",
        needs=("restore-service",),
    ),
    Planted(
        "forget the lease fence",
        "a late worker's writes are not refused",
        _fence_and_version,
        "the version of each stored trade",
        needs=("second-worker", "worker-pause"),
    ),
    Planted(
        "chain of one", "the journal's lines of one commit are chained to the line before all of them", _chain_of_one
    ),
    Planted(
        "advance the checkpoint early",
        "the mail's cursor is stored before what the mail says",
        _cursor_first_unasked,
        "the questions to the RTGS",
        needs=("crash-before-commit",),
    ),
    Planted(
        "reorganisation unseen",
        "the event reader keeps events of blocks that are no more",
        _reorganisation_unseen,
        needs=("reorg",),
    ),
    Planted(
        "count blocks unread",
        "the event reader counts blocks as read before it has read them",
        _checkpoint_first,
        "the reader, which reads the last blocks again",
        needs=("rpc-timeout-before",),
        rates={"rpc-timeout-before": 0.03},
    ),
    Planted("double is a contradiction", "an ending that is told twice is taken for two", _double_is_a_contradiction),
    Planted(
        "refused is cancelled",
        "a refused recall is taken for a cancellation",
        _refused_is_cancelled,
        needs=("line-recall-race",),
    ),
    Planted("never asks", "a silent RTGS is waited for, and never asked", _never_asks, needs=("line-loss",)),
)
