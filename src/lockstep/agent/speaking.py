"""What leaves an agent, and in which order: the register, then its logs, then the world; nothing while it is silent.

It is silent until its register is known to be complete, and from when something speaks against it.
"""

from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from lockstep.agent.asking import Asked
from lockstep.agent.batching import BatchSigning
from lockstep.agent.boarding import AgentsBoard
from lockstep.agent.keeping import Ends, keep_logs
from lockstep.agent.looking import Look
from lockstep.agent.reconciling import reconcile
from lockstep.agent.register import Register
from lockstep.agent.signature_log import SignatureLog
from lockstep.domain.cash import CashView
from lockstep.domain.errors import Contradiction, LockstepError, Unavailable
from lockstep.domain.identifiers import Bic, SettlementId
from lockstep.domain.market import Market
from lockstep.domain.order import Attestation
from lockstep.ports import AssetLedger, CashSystem, Clock
from lockstep.signing import Key

__all__ = ["NO_SETTLEMENT", "Signed", "Speaker"]

NO_SETTLEMENT = SettlementId("")
"""In the register's steps, where one is about the agent itself."""
RECONCILE_EVERY = timedelta(seconds=20)
"""While it is silent; what keeps it silent is rarely mended sooner."""
KEEP_LOGS_EVERY = 10
"""Steps from one look at all that there is (the other agents' signature logs, all locks) to the next."""
FIRST_EPOCH = 1
"""As DvP numbers them."""
LOOKED_AFTER = 200
"""Settlements that it signed, or an eighth of them, that one step asks its node about: are they over?"""

Signed = tuple[Attestation, Sequence[str]]
"""A signature that has not left, and the messages that it rests on."""


@dataclass(slots=True, kw_only=True)
class Speaker:
    """An agent's voice, and what it must remember to use it."""

    bic: Bic
    rtgs: Bic
    key: Key
    other_keys: tuple[Key, ...] = ()
    """Its keys of other epochs. What was locked in an epoch is proved under the key that serves there, for ever."""
    market: Market
    assets: AssetLedger
    cash: CashSystem
    board: AgentsBoard
    register: Register
    clock: Clock
    _views: dict[SettlementId, CashView] = field(default_factory=dict)
    _watched: set[SettlementId] = field(default_factory=set)
    _released: set[SettlementId] = field(default_factory=set)
    _unended: dict[SettlementId, Attestation] = field(default_factory=dict)
    """Signed, as far as the chain was not seen to have ended it, finally. What is signed and not here is over."""
    _asked: Asked = field(init=False)
    _logs: tuple[SignatureLog, ...] = ()
    _ends: Ends = field(default_factory=dict)
    """How far the other agents' logs are kept."""
    _reconciled: bool = False
    _silent_since: datetime | None = None
    _steps: int = 0
    _turn: int = 0
    """Whose turn it is among the unended."""
    _moved: set[SettlementId] = field(default_factory=set)
    """Settlements of which the chain showed something new since they were asked about."""
    _all_unended: bool = False
    """Whether each was asked about once since the start."""
    _is_heard: bool = False
    """Whether the chain was looked at in this step."""
    _look: Look = field(init=False)
    _batches: BatchSigning = field(init=False)

    def __post_init__(self) -> None:
        self._look = Look(self.assets)
        self._asked = Asked(ended=self._past)
        self._batches = BatchSigning(board=self.board, register=self.register)

    @property
    def _keys(self) -> tuple[Key, ...]:
        return (self.key, *self.other_keys)

    def _is_reconciled(self) -> bool:
        """Whether the register is known to be complete. Until then nothing leaves, not even what it has."""
        if self._reconciled:
            return True
        now = self.clock.now()
        if self._silent_since is not None and self._silent_since <= now < self._silent_since + RECONCILE_EVERY:
            return False  # a clock that went back is no reason to wait
        self._logs = tuple(
            SignatureLog(key=key, register=self.register, board=self.board, network=self.market.network)
            for key in self._keys
        )
        try:
            self._hear_chain()
            forgotten = reconcile(self.register, self._logs, self.assets, self.board)
        except Unavailable:
            return False
        except LockstepError as error:
            self._be_silent(error)
            return False
        if forgotten:
            self.register.note(now, "reconciled", NO_SETTLEMENT, f"{forgotten} signatures taken from the board")
        self._unended, self._all_unended = {one.settlement_id: one for one in self.register.all()}, False
        self._reconciled = True
        return True

    def _be_silent(self, error: LockstepError) -> None:
        self._reconciled = False
        self._silent_since = self.clock.now()
        self.register.note(self.clock.now(), "silent", NO_SETTLEMENT, str(error))

    def _write_logs(self, *, look: bool = False) -> None:
        """The signature logs first: what they do not have does not leave. Raises Contradiction, Unavailable."""
        try:
            for log in self._logs:
                if look:
                    log.mend()
                log.write()
        except Contradiction as error:
            self._be_silent(error)
            raise
        if look:
            self._keep_logs()
            self._tidy()

    @property
    def _is_to_look(self) -> bool:
        return self._steps % KEEP_LOGS_EVERY == 1

    def _keep_logs(self) -> None:
        try:
            doubts = keep_logs(
                self.register,
                self.board,
                sorted(self._others()),
                self.market.network,
                longest=len(self.assets.locked()),
                look=self._steps // KEEP_LOGS_EVERY,
                ends=self._ends,
            )
        except LockstepError:
            return
        for settlement, doubt in doubts:
            self.register.note(self.clock.now(), "contradiction", settlement, doubt)

    def _others(self) -> set[str]:
        """The other agents of this epoch and of all before it, as those still speak on their own locks."""
        serving = self.assets.epoch()
        before = [self.assets.epoch(number) for number in range(FIRST_EPOCH, serving.number)]
        agents = {agent for epoch in (*before, serving) for agent in epoch.agents}
        return agents.difference(key.address for key in self._keys)

    def _tidy(self) -> None:
        """Sets apart on the board what is over, and puts back the signatures over batches."""
        with suppress(Unavailable):
            for key in self._keys:
                self.board.archive(key.address, self._is_past)
            self._batches.keep(self._is_past)

    def _publish_again(self) -> None:
        """What it signed stays on the board until the chain shows the settlement ended, whoever clears it."""
        for settlement in self._ended(self._whose_turn()):
            self._forget(settlement)
        if self._unended:
            with suppress(LockstepError):
                self.board.publish_all(list(self._unended.values()))

    def _whose_turn(self) -> list[SettlementId]:
        """Those of the unended to ask the node about: all at first, then those of which it has news. Some others now
        and then, in turn; in each step where it brings no news.
        """
        settlements = list(self._unended)
        with suppress(LockstepError):
            self._hear_chain()
        if not self._is_heard:
            return []
        if hasattr(self.assets, "news") and self._all_unended and not self._is_to_look:
            moved, self._moved = self._moved, set()
            return [one for one in settlements if one in moved]
        most = max(LOOKED_AFTER, len(settlements) // 8)
        if not self._all_unended or len(settlements) <= most:
            self._all_unended = True
            return settlements
        begin = self._turn % len(settlements)
        self._turn = begin + most
        return [*settlements[begin:], *settlements[:begin]][:most]

    def _hear_chain(self) -> None:
        """One look at the chain, from which all questions are answered until the next one, where the ledger reads
        ahead. Raises Unavailable: then nothing may be concluded from an older one."""
        self._is_heard = False
        news = getattr(self.assets, "news", None)
        if news is not None:
            self._moved.update(news())
        self._is_heard = True

    def _ended(self, settlements: Collection[SettlementId]) -> Collection[SettlementId]:
        """Those that the chain shows ended, finally."""
        bulk = getattr(self.assets, "ended", None)
        if bulk is not None:
            try:
                ended: Collection[SettlementId] = bulk(settlements) if settlements else ()
            except LockstepError:
                self._moved.update(settlements)  # they are asked about again
                return ()
            return ended
        self._look.ask_histories(settlements)
        found = []
        for settlement in settlements:
            with suppress(LockstepError):
                if self._is_over(settlement):
                    found.append(settlement)
        return found

    def _is_over(self, settlement: SettlementId) -> bool:
        """Whether the chain shows it ended, finally."""
        history = self._look.history(settlement)
        return any(event.final and event.name in ("Settled", "GivenBack") for event in history)

    def _past(self, settlements: Collection[SettlementId]) -> Collection[SettlementId]:
        """Those of these settlements that it signed and that are over: the register tells, nothing is kept of them."""
        return self.register.signed_of(settlements).difference(self._unended) if settlements else ()

    def _is_past(self, settlement: SettlementId) -> bool:
        return settlement not in self._unended and self.register.has(settlement)

    def _forget(self, settlement: SettlementId) -> None:
        """Signed and over: the register keeps what there is to know. Nothing here may grow with what has ended."""
        self._unended.pop(settlement, None)
        self._asked.forget(settlement)
        self._views.pop(settlement, None)
        self._watched.discard(settlement)
        self._released.discard(settlement)

    def _leave(self, signed: Sequence[Signed]) -> bool:
        """The register first, then the logs, the world after: nothing is published of which either may not know."""
        if not signed:
            return False
        stored = self._recorded(signed)
        try:
            self._write_logs()
            self.board.publish_all(stored)
        except Contradiction:
            return True
        except Unavailable:
            return len(stored) < len(signed)
        notes = [("published", one.settlement_id, one.result.name) for one in stored]
        self.register.note_all(self.clock.now(), notes)
        self._watched.difference_update(one.settlement_id for one in stored)
        return True

    def _recorded(self, signed: Sequence[Signed]) -> list[Attestation]:
        """What the register has of it now. Where it has the other outcome this agent is done with the settlement."""
        stored: list[Attestation] = []
        for (wanted, _), kept in zip(signed, self.register.record_all(signed), strict=True):
            if isinstance(kept, Contradiction):
                self._watched.discard(wanted.settlement_id)
                self.register.note(self.clock.now(), "contradiction", wanted.settlement_id, str(kept))
            else:
                stored.append(kept)
                self._unended[kept.settlement_id] = kept
        return stored

    def _sign_batches(self) -> bool:
        """What it signed one by one, under one signature, where somebody asks for it."""
        try:
            signed = self._batches.look(self._logs)
        except Unavailable:
            return False
        if signed:
            self.register.note_all(self.clock.now(), [("batch signed", NO_SETTLEMENT, one) for one in signed])
        return bool(signed)
