"""The transaction sender: reserve a nonce → sign → broadcast → observe, each step durable before the next.

A nonce is stored with all that it is for before a key signs, and the signed bytes before they first leave: after a
crash the same bytes leave again, so that nothing is ever sent twice under two nonces. What happened to a transaction is
read off the chain at each look: counters may go down, blocks may vanish, and a node may forget, answer twice or count
wrong.

    reserved ─> signed ─> broadcast ─┬─> mined      (of a batch, `skipped` says what it went on without)
                           ^         ├─> reverted   tried again ever more rarely, while a dry run passes
                           └─────────┴─> replaced   another one has the nonce
                     a block that vanished
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from lockstep.chain.attempts import NOTHING_YET, Call, Look, State, as_seen, as_sent, judged, latest, reservation
from lockstep.chain.elsewhere import Elsewhere
from lockstep.chain.fees import SendingRules, dearer, priced
from lockstep.chain.node import ContractCall, Node, Standing
from lockstep.domain.errors import LockstepError, Refused, Unavailable
from lockstep.domain.values import replace
from lockstep.ports import SentTransaction, TransactionLog
from lockstep.signing.transactions import SigningKey, Unsigned, sign_transaction

__all__ = ["GAS_OF_NOTHING", "Sender"]

_HARMLESS = (
    "already known",
    "already imported",
    "known transaction",
    "nonce too low",
    "nonce is too low",
    "invalid transaction nonce",
    "replacement transaction underpriced",
    "less than block base fee",
    "below current base fee",
)
"""What nodes say of a transaction that they have or had, or that has another's nonce: the chain tells which. And of one
that offers less than the base fee has risen to: it waits, and is replaced if that lasts."""

GAS_OF_NOTHING = 21_000
"""What any transaction costs."""
LOOKS = 256
"""After so many looks at one and the same head what is under way leaves again: no block comes by itself everywhere."""


class Sender:
    """Sends calls with one key.

    One instance per key, or one per worker where their logs write under leases on the same subject: a nonce is
    then reserved by the one who holds it. A late worker can only broadcast what is stored, and that is the same
    bytes under the same nonce, which a chain takes once. What other keys of the same records have under way for a
    thing is waited for (`elsewhere`), and theirs to write down.
    """

    def __init__(
        self,
        node: Node,
        key: SigningKey,
        log: TransactionLog,
        on_commit: Callable[[str], None],
        rules: SendingRules | None = None,
    ) -> None:
        self._node, self._key, self._log, self._on_commit = node, key, log, on_commit
        self._rules = rules or SendingRules()
        self._chain_id = node.chain_id()
        self._told: set[int] = set()
        self._missed: dict[str, int] = {}
        self._looked = (-1, 0)
        self._finished = 0
        self._elsewhere = Elsewhere(blocks=2 * self._rules.patience_blocks, looks=LOOKS)

    @property
    def address(self) -> str:
        return self._key.address

    def ensure(self, key: str, to: str, data: bytes, gas: int) -> None:
        """Sees to it that the call named `key` gets into a block; call again until it shows.

        Raises ContractRefused when the contract would refuse it now, Refused NodeObjects when the node
        takes no transaction of this sender, Unavailable without an answer.
        """
        (error,) = self._ensured([Call(key=key, to=to, data=data, gas=gas)], eager=True)
        if error is not None:
            raise error

    def ensure_all(self, calls: Sequence[Call]) -> Sequence[LockstepError | None]:
        """The same for many, signed and sent together; of each by itself what `ensure` would raise. Those that find no
        room among what is under way are Unavailable: they are taken when it is asked again."""
        return self._ensured(calls, eager=False)

    def _ensured(self, calls: Sequence[Call], *, eager: bool) -> Sequence[LockstepError | None]:
        looks = self.look([one.key for one in calls], eager=eager)
        found = {key: one.error for key, one in looks.items()}
        wanted = {one.key: one for one in calls}
        found |= self.refusals(
            [one for key, one in wanted.items() if looks[key].state is State.WAITS and not found[key]]
        )
        found |= self.send([one for key, one in wanted.items() if looks[key].state is State.NEW], eager=eager)
        return [found[one.key] for one in calls]

    def refusals(self, calls: Sequence[Call]) -> dict[str, LockstepError | None]:
        """By key what the contract would refuse each call for now, on its own."""
        if not calls:
            return {}
        tried = self._node.calls(
            [ContractCall(to=one.to, data=one.data, sender=self.address, gas=one.gas) for one in calls]
        )
        found: dict[str, LockstepError | None] = {}
        for one, answer in zip(calls, tried, strict=True):
            found[one.key] = answer if isinstance(answer, LockstepError) else None
        return found

    # --- looking

    def look(self, keys: Collection[str], *, eager: bool = False) -> Mapping[str, Look]:
        """Where each key stands, with everything under way observed, and sent again where it may be lost.

        `eager`: sent again at once, if one of these keys waits for it; else once a block. Raises Unavailable.
        """
        tries = self._log.transactions_of(keys)
        flying = {one.identity: one for one in self._all_signed(self._log.unmined())}
        if not tries and not flying:
            return dict.fromkeys(keys, NOTHING_YET)
        standing = self._standing()
        tries = {key: [flying.get(one.identity, one) for one in given] for key, given in tries.items()}
        tries = self._elsewhere.followed(tries, self._log.sender, self._receipts, standing.head.number)
        asked = {one.identity: one for given in tries.values() for one in latest(given) if self._is_own(one)}
        ended = [one for one in flying.values() if one.nonce < standing.count]
        seen, standing = self._observed([*(asked | {one.identity: one for one in ended}).values()], standing)
        tries = {key: [seen.get(one.identity, one) for one in given] for key, given in tries.items()}
        waiting = any(one.in_flight for given in tries.values() for one in given if self._is_own(one))
        objections: Mapping[str, LockstepError] = {}
        unsent = any(one.last_sent is None for one in flying.values())
        if waiting if eager else self._is_due(standing) or unsent:
            everything = eager or self._looked[0] < 0 or self._looked[1] >= LOOKS
            objections = self._keep_going(standing, everything=everything)
        self._finish(standing)
        looks = {key: judged(key, tries.get(key, ()), standing.head.number) for key in keys}
        return {key: replace(one, error=objections.get(key, one.error)) for key, one in looks.items()}

    def _is_own(self, one: SentTransaction) -> bool:
        return one.sender == self._log.sender

    def _standing(self) -> Standing:
        standing = self._node.standing(self.address)
        if standing.count < self._finished:
            lacking = f"{standing.count} transactions of {self.address}, where {self._finished} are final"
            raise Unavailable(f"the node counts {lacking}: it lags, or its chain was undone below the finality depth")
        return standing

    def _observed(
        self, sent: Sequence[SentTransaction], standing: Standing
    ) -> tuple[dict[str, SentTransaction], Standing]:
        """The transactions by identity as the chain has them now, stored where that changed; and the last standing."""
        receipts, sure = self._receipts(sent), 0
        missing = {one.identity for one in sent if one.nonce < standing.count and receipts[one.hash] is None}
        if missing:
            # Another transaction has the nonce, or the node counts too many, or has its receipts later than its counts.
            standing = self._standing()
            sure = self._node.counts(self.address, max(0, standing.head.number - 1))
            receipts |= self._receipts([one for one in sent if one.identity in missing])
        self._missed = {one: self._missed.get(one, 0) + 1 for one in missing}
        seen: dict[str, SentTransaction] = {}
        for one in sent:
            lasting = one.identity in missing and (one.nonce < sure or self._missed[one.identity] > LOOKS)
            seen[one.identity] = as_seen(one, receipts[one.hash], gone=lasting and one.nonce < standing.count)
        changed = [seen[one.identity] for one in sent if seen[one.identity] != one]
        if changed:
            self._log.put_all(changed)
        return seen, standing

    def _receipts(self, sent: Sequence[SentTransaction]) -> dict[str, Mapping[str, Any] | None]:
        found: dict[str, Mapping[str, Any] | None] = {}
        if not sent:
            return found
        for one, receipt in zip(sent, self._node.receipts([one.hash for one in sent]), strict=True):
            if isinstance(receipt, Unavailable):
                raise receipt
            found[one.hash] = receipt
        return found

    def _finish(self, standing: Standing) -> None:
        """Closes what is final, once it is worth a write."""
        depth = self._rules.finality_depth
        if depth is None or standing.count < self._finished + self._rules.window:
            return
        final = self._node.counts(self.address, max(0, standing.head.number - depth))
        if final > self._finished:
            self._log.finish(final)
            self._finished = final

    # --- what is under way

    def _is_due(self, standing: Standing) -> bool:
        head, looks = self._looked
        if head == standing.head.number and looks < LOOKS:
            self._looked = head, looks + 1
            return False
        return True

    def _keep_going(self, standing: Standing, *, everything: bool) -> Mapping[str, LockstepError]:
        """Fills holes, replaces what is stuck, and sends all that is under way again in the order of nonces: also what
        nobody wants any more, as without it nothing that follows gets into a block. Nodes forget, and blocks with what
        was mined vanish. What left a block ago has its chance still, unless `everything` is to leave. Returns what a
        node objects, by key.
        """
        self._looked = standing.head.number, 0
        going = self._going(standing)
        dear, objections = self._replacements(going, standing)
        replaced = {one.nonce: one for one in self._made(dear)}
        leaving = [replaced.get(one.nonce, one) for one in going]
        late = leaving if everything else _late(leaving, standing)
        return dict(objections) | self._broadcast(late, standing)

    def _going(self, standing: Standing) -> list[SentTransaction]:
        """One transaction for each nonce from the next one to the highest under way: the newest of each. A nonce that
        was passed over, because a node once counted too many, is used up by a transaction that does nothing.
        """
        known = {one.nonce: one for one in self._from(standing)}
        highest = max((one.nonce for one in known.values() if one.in_flight), default=-1)
        holes = [nonce for nonce in range(standing.count, highest) if nonce not in known][: self._rules.window]
        nothing = [Call(key=f"nothing/{nonce}", to=self.address, data=b"", gas=GAS_OF_NOTHING) for nonce in holes]
        filling = self._made(self._reserved(nothing, holes, standing))
        known |= {one.nonce: one for one in filling}
        return [known[nonce] for nonce in sorted(known) if nonce <= highest]

    def _from(self, standing: Standing) -> Sequence[SentTransaction]:
        return self._log.from_nonce(standing.count, 4 * self._rules.window)

    def _replacements(
        self, going: Sequence[SentTransaction], standing: Standing
    ) -> tuple[list[SentTransaction], Mapping[str, LockstepError]]:
        """Dearer ones for those that wait too long: the next one, and each that a block could not take at its fee."""
        made, told = list[SentTransaction](), dict[str, LockstepError]()
        for one in going:
            waited = standing.head.number - (standing.head.number if one.first_sent is None else one.first_sent)
            if waited < self._rules.patience_blocks:
                continue
            stuck = Unsigned.read(one.raw)
            if one.nonce != standing.count and stuck.max_fee >= standing.base_fee + stuck.priority_fee:
                continue
            more = dearer(stuck, standing, self._rules)
            if more is not None:
                made.append(
                    reservation(
                        Call(key=one.key, to=more.to, data=more.data, gas=more.gas, serves=one.serves),
                        more,
                        self.address,
                    )
                )
            elif one.nonce not in self._told:
                self._told.add(one.nonce)
                details = {"sender": self.address, "nonce": one.nonce, "fee": stuck.max_fee, "cap": self._rules.fee_cap}
                told |= dict.fromkeys(one.serves or (one.key,), Refused("FeeCapReached", details))
        if made:
            self._log.put_all(made)
        return made, told

    # --- sending

    def send(
        self, calls: Sequence[Call], *, tried: bool = False, eager: bool = False
    ) -> dict[str, LockstepError | None]:
        """Tries each call out, then reserves, signs and broadcasts those that pass, together; by key what each met.

        For keys of which a look said NEW. `tried`: they were tried out. `eager`: what goes before leaves again too.
        Raises Unavailable.
        """
        found = dict.fromkeys(one.key for one in calls) if tried else self.refusals(calls)
        passed = [one for one in calls if found[one.key] is None]
        if not passed:
            return found
        standing = self._standing()
        going = self._from(standing)
        room = max(0, self._rules.window - sum(1 for one in going if one.in_flight))
        full = Unavailable(f"{self._rules.window} transactions of {self.address} are under way: no room yet")
        found |= dict.fromkeys((one.key for one in passed[room:]), full)
        fresh = self._made(self._reserved(passed[:room], self._free_nonces(standing.count, going, room), standing))
        before: list[SentTransaction] = []
        if eager:  # what goes before leaves again with it: one that a node forgot would hold up all that follow
            before = [*{one.nonce: one for one in going}.values()]
        if self._looked[0] < 0:
            self._looked = standing.head.number, 0
        objections = self._broadcast([*before, *fresh], standing)
        return found | {one.key: objections[one.key] for one in passed if one.key in objections}

    def _free_nonces(self, count: int, going: Sequence[SentTransaction], most: int) -> list[int]:
        """The lowest nonces that neither the chain nor a stored transaction has."""
        taken = {one.nonce for one in going}
        nonces: list[int] = []
        nonce = count
        for _ in range(most):
            while nonce in taken:
                nonce += 1
            nonces.append(nonce)
            nonce += 1
        return nonces

    def _reserved(self, calls: Sequence[Call], nonces: Sequence[int], standing: Standing) -> list[SentTransaction]:
        """Each call under its nonce, stored."""
        priority_fee, max_fee = priced(standing, self._rules)
        made = [
            reservation(
                one,
                Unsigned(
                    chain_id=self._chain_id,
                    nonce=nonce,
                    to=one.to,
                    data=one.data,
                    gas=one.gas,
                    priority_fee=priority_fee,
                    max_fee=max_fee,
                ),
                self.address,
            )
            for one, nonce in zip(calls, nonces, strict=False)
        ]
        if made:
            self._log.put_all(made)
        return made

    def _made(self, reserved: Sequence[SentTransaction]) -> list[SentTransaction]:
        return [*self._signed(reserved).values()]

    def _all_signed(self, sent: Sequence[SentTransaction]) -> list[SentTransaction]:
        signed = self._signed([one for one in sent if one.status == "reserved"])
        return [signed.get(one.identity, one) for one in sent]

    def _signed(self, reserved: Sequence[SentTransaction]) -> dict[str, SentTransaction]:
        """By identity. The key is asked for what is stored, and its answer stored before it leaves."""
        made: dict[str, SentTransaction] = {}
        for one in reserved:
            signed = sign_transaction(Unsigned.read(one.raw), self._key)
            made[one.identity] = replace(one, status="signed", raw=signed.raw, hash=signed.hash)
        if made:
            self._log.put_all([*made.values()])
            for one in made.values():
                self._on_commit(f"transaction {one.key} nonce {one.nonce}")
        return made

    def _broadcast(self, sent: Sequence[SentTransaction], standing: Standing) -> dict[str, LockstepError]:
        """Sends stored bytes, and stores that they left. What people must mend (fees money, above all) is not kept
        quiet: by key, with those that got no answer.
        """
        found: dict[str, LockstepError] = {}
        left: list[SentTransaction] = []
        for one, objection in zip(sent, self._node.broadcast_all([one.raw for one in sent]), strict=True):
            error: LockstepError | None = None
            if isinstance(objection, Unavailable):
                error = objection
            elif objection is not None and not any(phrase in objection.lower() for phrase in _HARMLESS):
                error = Refused("NodeObjects", {"sender": self.address, "objection": objection})
            if error is not None:
                found |= dict.fromkeys((one.key, *one.serves), error)
            else:
                left.append(as_sent(one, standing.head.number))
        if left:
            self._log.put_all(left)
        return found


def _late(sent: Sequence[SentTransaction], standing: Standing) -> list[SentTransaction]:
    """Those that a whole block went by since they left, or that never did."""
    return [one for one in sent if one.last_sent is None or one.last_sent < standing.head.number - 1]
