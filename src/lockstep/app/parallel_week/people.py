"""What people do about breaks in a parallel week, and what happens past the service, as week.toml says it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from lockstep.app.breaks import BreakDesk
from lockstep.app.collateral_day.files import Node
from lockstep.app.parallel_week.files import Place
from lockstep.app.shadow import ShadowDesk
from lockstep.app.world import World
from lockstep.chain.deployment import Deployer
from lockstep.domain.errors import InvalidInput, Refused
from lockstep.domain.identifiers import Bic
from lockstep.domain.market import Participant
from lockstep.domain.money import Money, Quantity
from lockstep.domain.reconciliation.books import Book, Subject
from lockstep.domain.reconciliation.breaks import Break, CloseReason

__all__ = ["HAPPENINGS", "Done", "People", "kind_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """One act and what came of it."""

    at: datetime
    by: str
    what: str
    about: str
    result: str


class People:
    """Everybody who works on breaks. A break is named as in planted.json: book, subject, name."""

    def __init__(self, desk: BreakDesk, shadow: ShadowDesk, place: Callable[[Break], Place]) -> None:
        self._desk, self._shadow, self._place = desk, shadow, place
        self._proposed: dict[Place, str] = {}

    def act(self, node: Node) -> Done:
        """Raises InvalidInput for an act that nobody knows or a break that is not there, and what the desk raises; a
        refusal that `refused` names is what should come of it."""
        node.day("day")
        by = node.text("by")
        refused, kind = node.text("refused", ""), kind_of(node)
        try:
            if kind in _STEPS:
                about = node.text("security")
                result = _STEPS[kind](self, node, about, by)
            else:
                place = self._named(node)
                about = str(place)
                result = _ACTS[kind](self, node, self._break(node, place), by)
        except Refused as error:
            if error.name != refused:
                raise
            result = f"refused: {error.name}"
        else:
            if refused:
                raise InvalidInput(f"{node.path}/refused", refused, f"what comes of it: {result}")
        node.done()
        return Done(at=self._desk.clock.now(), by=by, what=kind, about=about, result=result)

    def _named(self, node: Node) -> Place:
        book, subject = Book(node.text("book")), Subject(node.text("subject"))
        return Place(book=book.value, subject=subject.value, name=node.text("name"))

    def _break(self, node: Node, place: Place) -> Break:
        found = [one for one in self._desk.book.breaks() if self._place(one) == place]
        if len(found) != 1:
            raise InvalidInput(f"{node.path}/name", str(place), "a break that was found")
        return found[0]

    def _assign(self, node: Node, one: Break, by: str) -> str:
        (after,) = self._desk.assign([one.break_id], node.text("to"), by=by)
        return f"to {after.assignee}"

    def _comment(self, node: Node, one: Break, by: str) -> str:
        text = node.text("text")
        self._desk.comment([one.break_id], text, by=by)
        return text

    def _close(self, node: Node, one: Break, by: str) -> str:
        text = node.text("text")
        reason = node.chosen("reason", {each.value: each for each in CloseReason if each.is_persons})
        self._desk.close([one.break_id], reason, text, by=by)
        return f"{reason.value}, {text}"

    def _reopen(self, node: Node, one: Break, by: str) -> str:
        text = node.text("text")
        self._desk.reopen([one.break_id], text, by=by)
        return text

    def _propose(self, node: Node, one: Break, by: str) -> str:
        field = node.text("field")
        right = next((each.agreed for each in one.found.differences if each.field == field), "")
        made = self._desk.propose(
            one.break_id, book=one.found.book, field=field, right=right, why=node.text("text"), by=by
        )
        self._proposed[self._place(one)] = made.correction_id
        return f"{made.field} {made.right}, not {made.said}: {made.why}"

    def _approve(self, node: Node, one: Break, by: str) -> str:
        return self._decided(node, one, by, approve=True)

    def _reject(self, node: Node, one: Break, by: str) -> str:
        return self._decided(node, one, by, approve=False)

    def _decided(self, node: Node, one: Break, by: str, *, approve: bool) -> str:
        waiting = self._proposed.get(self._place(one))
        if waiting is None:
            raise InvalidInput(f"{node.path}/name", node.text("name"), "a break with a proposed correction")
        made = self._desk.decide(waiting, approve=approve, by=by, why=node.text("text", ""))
        return f"as {made.proposed_by} proposed"

    def _promote(self, node: Node, isin: str, by: str) -> str:
        course = self._shadow.propose(isin, node.text("text"), by=by)
        assert course.pending is not None
        return f"{course.pending.to.value} proposed: {course.pending.why}"

    def _decide(self, node: Node, isin: str, by: str) -> str:
        pending = self._shadow.course(isin).pending
        if pending is None:
            raise InvalidInput(f"{node.path}/security", isin, "one whose promotion is proposed")
        course = self._shadow.decide(pending.proposal_id, approve=True, why=node.text("text"), by=by)
        return f"{course.stage.value} from {course.since:%A} on: {course.steps[-1].why}"


_STEPS: Mapping[str, Callable[[People, Node, str, str], str]] = {
    "promote": People._promote,
    "agree": People._decide,
}
_ACTS: Mapping[str, Callable[[People, Node, Break, str], str]] = {
    "assign": People._assign,
    "comment": People._comment,
    "close": People._close,
    "reopen": People._reopen,
    "propose": People._propose,
    "approve": People._approve,
    "reject": People._reject,
}


def kind_of(node: Node) -> str:
    """What an act does. Raises InvalidInput."""
    return node.chosen("do", {name: name for name in (*_ACTS, *_STEPS)})


def _issue(world: World, node: Node) -> str:
    """The issuer issues units, and tells nobody."""
    member = _member(world, node)
    security = next((one for one in world.market.securities.values() if one.isin == node.text("isin")), None)
    if security is None:
        raise InvalidInput(f"{node.path}/isin", node.text("isin"), "a security of the market")
    quantity = Quantity.parse(node.text("quantity"), field=f"{node.path}/quantity")
    issuer = Deployer(world.chain.node, world.roles.issuer, poll=world.chain.mine)
    issuer.call("SecurityToken", security.token, "issue", member.wallet, quantity.units(security.decimals))
    issuer.flush()
    return f"{quantity.text()} of {security.name} issued to {member.name}"


def _credit(world: World, node: Node) -> str:
    """The central bank credits an account, and tells nobody."""
    member, currency = _member(world, node), node.text("currency")
    amount = Money.parse(node.text("amount"), currency, field=f"{node.path}/amount")
    if currency not in member.accounts:
        raise InvalidInput(f"{node.path}/currency", currency, f"one of {', '.join(member.accounts)}")
    world.rtgs.operator.fund(member.accounts[currency], amount, f"outside/{node.path}".replace(" ", ""))
    return f"{amount} credited to {member.name}"


def _member(world: World, node: Node) -> Participant:
    wanted = Bic(node.text("participant"))
    for one in world.market.participants.values():
        if one.bic == wanted:
            return one
    raise InvalidInput(f"{node.path}/participant", wanted, "the BIC of a participant of market.toml")


HAPPENINGS: Mapping[str, Callable[[World, Node], str]] = {"issue": _issue, "credit": _credit}
"""What can happen past the service."""
