"""Bugs that only many trades at a time can have: a batch's answers, its rows, its claims, its signatures.

Written with the code of the batches in view, and with what judges the runs.
"""

import pytest

from lockstep.agent.batching import BatchSigning
from lockstep.chain import attempts, events
from lockstep.chain.ledger import EvmAssetLedger
from lockstep.flow import together
from lockstep.flow.answering import Answering
from lockstep.flow.engine import Engine
from lockstep.store.chain_events import SqlChainEvents
from lockstep.store.committing import Batch
from lockstep.store.queue import Queue
from simulation.planted_contracts import numbers_free_again
from simulation.planting import Planted, rewrite

__all__ = ["PLANTED"]


def _answers_by_place(patch: pytest.MonkeyPatch) -> None:
    """The views come in the order in which the node was asked, by id, and are handed out in the order of the wants."""
    rewrite(
        patch,
        Answering._views,
        ("return [seen[want.settlement_id] for want in wants]", "return [seen[one] for one in sorted(seen)]"),
    )


def _errors_first(patch: pytest.MonkeyPatch) -> None:
    """What is stored, sent and locked tells its errors in a list of their own, which is taken for the batch's."""
    rewrite(
        patch,
        together.together,
        (
            "                for place, answer in zip(places, answers, strict=True):\n",
            "                if kind.rank >= 2:\n"
            "                    answers = sorted(answers, key=lambda one: one is None)\n"
            "                for place, answer in zip(places, answers, strict=True):\n",
        ),
    )


def _skipped_is_done(patch: pytest.MonkeyPatch) -> None:
    rewrite(
        patch,
        attempts.judged,
        ('if ended.status == "mined" and skipped is None:', 'if ended.status == "mined":'),
    )


def _rest_is_stored(patch: pytest.MonkeyPatch) -> None:
    """All of a change but for the rows that conflict."""
    rewrite(
        patch,
        Batch._judged,
        ("            return wrong\n", "            self.stored.append(change)\n            return wrong\n"),
    )


def _conflict_stops_the_batch(patch: pytest.MonkeyPatch) -> None:
    """What follows a conflict in a batch is taken for stored, and is not."""
    rewrite(
        patch,
        Batch.judge,
        (
            "        return [self._judged(change) for change in changes]",
            "        results = []\n"
            "        for change in changes:\n"
            "            lost = any(one is not None for one in results)\n"
            "            results.append(None if lost else self._judged(change))\n"
            "        return results",
        ),
    )


def _claims_ignored(patch: pytest.MonkeyPatch) -> None:
    rewrite(
        patch,
        Queue.claim,
        ("free = (now, now + 2 * seconds)", "free = (2**60, 2**60)"),
        ("others = (now, now + LIVING_SECONDS, worker)", "others = (0, 0, worker)"),
    )


def _claims_and_fences_ignored(patch: pytest.MonkeyPatch) -> None:
    _claims_ignored(patch)
    rewrite(
        patch,
        Batch._trade_conflict,
        ("if hold is not None and known is not None and known.hold not in (hold, None):", "if False:"),
        ('return stored_since("trade", known.version if known else 0, trade.trade_id, trade.version)', "return None"),
    )


def _signs_what_it_did_not(patch: pytest.MonkeyPatch) -> None:
    """One of a batch's settlements is enough."""
    rewrite(
        patch,
        BatchSigning._signature,
        ("if waiting.lacks is not None and not self.register.rows_of([waiting.lacks]):", "if False:"),
        ("            if settlement not in rows:\n", "            if not rows:\n"),
    )


def _one_number_for_all(patch: pytest.MonkeyPatch) -> None:
    rewrite(
        patch,
        Answering._new_nonces,
        ("found = self._nonces(seller, len(places))", "found = self._nonces(seller, 1) * len(places)"),
    )
    numbers_free_again(patch)


def _checkpoint_before_its_events(patch: pytest.MonkeyPatch) -> None:
    rewrite(
        patch,
        SqlChainEvents.advance,
        (
            "            reader = self._move(connection, before, after)\n",
            "            reader = self._move(connection, before, after)\n"
            "        with self._transaction() as connection:\n",
        ),
    )
    patch.setattr(events, "OVERLAP", 0)


def _first_page_is_all(patch: pytest.MonkeyPatch) -> None:
    rewrite(
        patch,
        Engine._hear_cash,
        (
            "            book.commit(change)",
            "            fields = {name: getattr(change, name) for name in change.__dataclass_fields__}\n"
            "            book.commit(Change(**{**fields, 'cash_cursor': mail[-1][0]}))",
        ),
    )


def _locks_though_halted(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Engine, "_is_halted", lambda self: False)
    patch.setattr(EvmAssetLedger, "_require_not_halted", lambda self: None)


PLANTED = (
    Planted(
        "answers by place",
        "what the chain shows of many settlements is handed out in the order of their ids, not in that of the trades",
        _answers_by_place,
    ),
    Planted(
        "errors first",
        "what could not be stored, sent or locked of a batch is told to its first trades, not to those it befell",
        _errors_first,
        needs=("service-door-stolen",),
        rates={"service-door-stolen": 0.3},
    ),
    Planted(
        "skipped is done",
        "a leg that a batch in a block went on without counts as locked, or as delivered",
        _skipped_is_done,
        needs=("token-paused",),
        rates={"token-paused": 0.1},
    ),
    Planted(
        "store the rest",
        "of a change whose trade or instruction was changed meanwhile everything else is stored",
        _rest_is_stored,
        needs=("cancellation", "worker-pause"),
        rates={"worker-pause": 0.2},
    ),
    Planted(
        "conflict stops the batch",
        "what follows a conflicting change in a batch is not stored, and nobody is told",
        _conflict_stops_the_batch,
        needs=("cancellation", "worker-pause"),
        rates={"worker-pause": 0.2},
    ),
    Planted(
        "claim what is claimed",
        "a worker claims trades that another works on",
        _claims_and_fences_ignored,
        "the fence and the version of each stored trade",
        needs=("second-worker", "worker-pause", "workers-share"),
        rates={"worker-pause": 0.2},
    ),
    Planted(
        "claim under a fence",
        "a worker claims trades that another works on",
        _claims_ignored,
        needs=("second-worker", "worker-pause", "workers-share"),
        rates={"worker-pause": 0.2},
    ),
    Planted(
        "sign unseen",
        "an agent signs a batch of deliveries if one of them is in its register",
        _signs_what_it_did_not,
        needs=("batch-asked",),
        rates={"batch-asked": 0.2},
    ),
    Planted(
        "one number for all",
        "trades of one seller that are ordered in one batch get one nonce",
        _one_number_for_all,
        "`DvP`, which burns a nonce for good (with the bug: until the settlement has ended)",
    ),
    Planted(
        "checkpoint before its events",
        "the event reader's checkpoint and the events before it are two transactions, the checkpoint first",
        _checkpoint_before_its_events,
        "the reader, which reads the last blocks again",
        needs=("crash-before-commit",),
        rates={"crash-before-commit": 0.05},
    ),
    Planted(
        "first page is all",
        "of mail that is heard in several pages the last one's cursor is stored with the first",
        _first_page_is_all,
        needs=("line-statement", "crash-before-commit"),
        rates={"crash-before-commit": 0.03},
    ),
    Planted(
        "lock while halted",
        "the service goes on locking where final blocks were replaced",
        _locks_though_halted,
        needs=("deep-reorg",),
    ),
)
