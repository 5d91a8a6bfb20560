"""Acts of the collateral register from wish to block: signed by their parties, stored, submitted, watched over.

What is wanted names itself: register, parties, calls and the caller's own reference make an act's name and each party's
number. So the same wish again is the same act, which the register runs once at most, whoever submits it and however
often; with other content or another reference it is another. Signed acts are on disk before they leave.
"""

import hashlib
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

from lockstep.app.collateral_files import acts_text, read_acts, write_file
from lockstep.domain.collateral.calls import Call
from lockstep.domain.collateral.register import NOT_TOGETHER, Act
from lockstep.domain.errors import ContractRefused, InvalidInput, Unavailable
from lockstep.ports import CollateralLedger
from lockstep.signing import Key, act_digest, call_bytes, read_call, together_of

__all__ = ["DAY", "ActDesk", "Carried", "Wanted"]

DAY = 86_400
"""For how many seconds a signature counts, if nobody says otherwise."""
LOOKS = 240
POLL_SECONDS = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One act as somebody wants it: whose it is, and which call."""

    party: str
    call: Call


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """What came of acts that are run together."""

    name: str
    outcome: str
    """`done`, `done before`, or `written` to a file."""
    acts: tuple[Act, ...]
    final: bool = False
    """Whether the block that has them lies at the depth that counts as final."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActDesk:
    """Where acts are made, signed and submitted. `ledger` is looked at; `acting` has one with a sender."""

    ledger: CollateralLedger
    acting: Callable[[], AbstractContextManager[CollateralLedger]]
    folder: Path
    """Where signed acts are kept."""
    keys: Callable[[str], Key]
    """The key of a wallet. Raises Misconfigured where it is not here."""
    describe: Callable[[Act], str] = lambda act: type(read_call(act.call)).__name__
    """What an act does, for people."""
    poll: Callable[[], None] = lambda: time.sleep(POLL_SECONDS)

    def made(self, wanted: Sequence[Wanted], reference: str, valid_seconds: int = DAY) -> tuple[str, tuple[Act, ...]]:
        """The name of what is wanted, and its acts, unsigned. Several count only together, in this order.

        Raises InvalidInput for what does not fit the register's types.
        """
        try:
            acts = [Act(party=one.party, call=call_bytes(one.call), nonce=0, by=0) for one in wanted]
            whole = together_of(acts)
        except ValueError as error:
            raise InvalidInput("act", wanted, f"figures that the register can hold: {error}") from error
        register = self.ledger.register
        said = f"lockstep acts\n{register.chain_id}\n{register.address}\n{whole}\n{reference}"
        name = hashlib.sha256(said.encode()).hexdigest()
        by, together = self.ledger.time_of() + valid_seconds, whole if len(acts) > 1 else NOT_TOGETHER
        return name, tuple(
            replace(one, nonce=_number(name, place), by=by, together=together) for place, one in enumerate(acts)
        )

    def carry_out(self, wanted: Sequence[Wanted], reference: str = "", valid_seconds: int = DAY) -> Carried:
        """Signs, stores and submits what is wanted, and waits until it is in a block. What was done before is left.

        Raises ContractRefused where the register says no, Misconfigured without a key that is needed, Unavailable where
        it is in no block yet: the same again goes on.
        """
        name, acts = self.made(wanted, reference, valid_seconds)
        if self._is_done(acts):
            return self._carried(name, "done before", acts)
        stored = self._stored(name)
        if stored is None or any(one.by <= self.ledger.time_of() for one in stored):  # late ones can be run no more
            stored = self.signed(acts)
            write_file(self._path(name), self._text(stored))
        return self.submit(stored, name)

    def write(self, wanted: Sequence[Wanted], path: Path, reference: str = "", valid_seconds: int = DAY) -> Carried:
        """Writes what is wanted to a file, for its parties to sign. Nothing is sent."""
        name, acts = self.made(wanted, reference, valid_seconds)
        write_file(path, self._text(acts))
        return self._carried(name, "written", acts)

    def signed(self, acts: Sequence[Act]) -> tuple[Act, ...]:
        """With the signatures of keys that are here; what is signed stays. Raises Misconfigured where a key is not."""
        return tuple(one if one.signature else self._signed(one, self.keys(one.party)) for one in acts)

    def sign_file(self, path: Path, key: Key) -> Carried:
        """Adds one key's signature to each act in a file that is its own. Raises InvalidInput where none is."""
        acts = read_acts(path, self.ledger.register)
        if key.address not in {one.party for one in acts}:
            rule = f"the key of one of {', '.join(sorted({one.party for one in acts}))}"
            raise InvalidInput("key", key.address, rule)
        signed = tuple(self._signed(one, key) if one.party == key.address else one for one in acts)
        write_file(path, self._text(signed))
        return self._carried("", "written", signed)

    def submit_file(self, path: Path) -> Carried:
        """Submits acts that were signed elsewhere. Raises as `carry_out`, InvalidInput where a signature is missing."""
        acts = read_acts(path, self.ledger.register)
        for number, one in enumerate(acts, 1):
            if not one.signature:
                raise InvalidInput(f"acts/{number}/signature", "", f"the signature of {one.party}")
            self._require_readable(one, number)
        if self._is_done(acts):
            return self._carried("", "done before", acts)
        return self.submit(acts, "")

    def submit(self, acts: Sequence[Act], name: str) -> Carried:
        """Sends signed acts with an operator's key and watches over them. Raises as `carry_out`."""

        def run(ledger: CollateralLedger) -> None:
            try:
                ledger.run(acts)
            except ContractRefused as error:
                if error.name != "ActUsed" or not self._is_done(acts):  # else somebody else ran just these
                    raise

        self.watch(run, lambda: self._is_done(acts), "the acts")
        return self._carried(name, "done", acts)

    def watch(self, act: Callable[[CollateralLedger], None], seen: Callable[[], bool], what: str) -> None:
        """Does what may be done again until the register shows it. Raises as `act` does, and Unavailable."""
        with self.acting() as ledger:
            for _ in range(LOOKS):
                act(ledger)
                if seen():
                    return
                self.poll()
        raise Unavailable(f"not in a block after {LOOKS} looks: {what}; the same command again watches on")

    def _signed(self, act: Act, key: Key) -> Act:
        if key.address != act.party:
            raise InvalidInput("key", key.address, f"the key of {act.party}, whose act it is")
        return replace(act, signature=key.sign(act_digest(act, self.ledger.register)))

    @staticmethod
    def _require_readable(act: Act, number: int) -> None:
        """What nobody can read is not carried, though the register would judge it itself."""
        try:
            read_call(act.call)
        except InvalidInput as error:
            raise InvalidInput(f"acts/{number}/call", error.value, error.rule) from error

    def _is_done(self, acts: Sequence[Act], at: int | None = None) -> bool:
        return all(self.ledger.is_nonce_used(one.party, one.nonce, at) for one in acts)

    def _stored(self, name: str) -> tuple[Act, ...] | None:
        path = self._path(name)
        return read_acts(path, self.ledger.register) if path.exists() else None

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.json"

    def _text(self, acts: Sequence[Act]) -> str:
        return acts_text(acts, self.ledger.register, [self.describe(one) for one in acts])

    def _carried(self, name: str, outcome: str, acts: Sequence[Act]) -> Carried:
        final = outcome != "written" and self._is_done(acts, self.ledger.final_block())
        return Carried(name=name, outcome=outcome, acts=tuple(acts), final=final)


def _number(name: str, place: int) -> int:
    """A party's own number for its act in this place: 256 bits, never another's by chance."""
    return int.from_bytes(hashlib.sha256(f"{name}/{place}".encode()).digest())
