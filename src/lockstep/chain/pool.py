"""Several keys that send side by side: more under way than nodes keep of one sender, and nobody waits for one nonce."""

from collections.abc import Collection, Mapping, Sequence
from hashlib import sha256

from lockstep.chain.attempts import Call, Look
from lockstep.chain.sender import Sender
from lockstep.domain.errors import LockstepError, Misconfigured
from lockstep.ports import TransactionLog

__all__ = ["SenderPool"]


class SenderPool:
    """Senders of one network, whose logs are in one place, each under the lease of its own key (`key/<address>`).

    Which key takes a call follows from the call's name, so that it is the same on every machine; what a key has begun
    it goes on with, however many keys there are since.
    """

    def __init__(self, senders: Mapping[str, Sender], log: TransactionLog) -> None:
        """`senders` by the name that their logs go by (`SentTransaction.sender`)."""
        if not senders:
            raise Misconfigured("no key is given to send with")
        self._senders, self._names, self._log = senders, sorted(senders), log

    def look(self, keys: Collection[str], *, eager: bool = False) -> Mapping[str, Look]:
        found: dict[str, Look] = {}
        for name, some in self._by_sender(keys).items():
            found |= self._senders[name].look(some, eager=eager)
        return found

    def refusals(self, calls: Sequence[Call]) -> dict[str, LockstepError | None]:
        """Anyone may lock, settle and give back: whoever asks is told the same."""
        return self._senders[self._names[0]].refusals(calls)

    def send(self, calls: Sequence[Call], *, tried: bool = False) -> dict[str, LockstepError | None]:
        found: dict[str, LockstepError | None] = {}
        for name, some in self._by_sender([one.key for one in calls]).items():
            found |= self._senders[name].send([one for one in calls if one.key in some], tried=tried)
        return found

    def ensure(self, key: str, to: str, data: bytes, gas: int) -> None:
        (name,) = self._by_sender([key])
        self._senders[name].ensure(key, to, data, gas)

    def ensure_all(self, calls: Sequence[Call]) -> Sequence[LockstepError | None]:
        found: dict[str, LockstepError | None] = {}
        for name, some in self._by_sender([one.key for one in calls]).items():
            its = [one for one in calls if one.key in some]
            found |= zip([one.key for one in its], self._senders[name].ensure_all(its), strict=True)
        return [found[one.key] for one in calls]

    def _by_sender(self, keys: Collection[str]) -> dict[str, set[str]]:
        tries = self._log.transactions_of(keys)
        found: dict[str, set[str]] = {}
        for key in keys:
            begun = tries[key][-1].sender if tries.get(key) else ""
            chosen = self._names[int.from_bytes(sha256(key.encode()).digest()[:8]) % len(self._names)]
            found.setdefault(begun if tries.get(key) and begun in self._senders else chosen, set()).add(key)
        return found
