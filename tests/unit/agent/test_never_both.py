"""No agent signs both outcomes of a settlement (I9): every story, in every order, killed anywhere, twice at once."""

import itertools
import os
import signal
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from agent_cases import AT, DEBTOR, MARKET, NETWORK, SALT, notice, payment
from agent_desk import HERE, KEYS, NEVER, PAID, Desk, said

from lockstep.agent import Agent, DirectoryBoard, Register
from lockstep.domain.money import Money
from lockstep.domain.order import OutcomeResult
from lockstep.domain.payment import PaymentState, Resolution, ResolutionStatus
from lockstep.testing.fakes import AGENTS, RTGS, FakeAssetLedger, FakeBoard, FakeCashSystem

STORIES = {
    "held": said(PaymentState.HELD),
    "booked": said(PaymentState.BOOKED),
    "noticed": notice(HERE),
    "rejected": said(PaymentState.REJECTED),
    "cancelled": Resolution(
        case_id="C",
        uetr=payment(HERE).uetr,
        settlement_id=HERE,
        salt=SALT,
        status=ResolutionStatus.CANCELLED,
        decided_at=AT,
    ),
    "other amount noticed": notice(HERE, amount=Money(currency="EUR", amount=1)),
    "other payment booked": said(PaymentState.BOOKED, payment=payment(HERE, salt="00" * 16)),
}


def outcome(heard: Sequence[str]) -> OutcomeResult | None:
    """What may be signed on hearing this, in whatever order: paid, never, or nothing."""
    words = set(heard)
    if {"booked", "noticed"} <= words <= {"held", "booked", "noticed"}:
        return PAID
    if words & {"rejected", "cancelled"} and words <= {"held", "rejected", "cancelled"}:
        return NEVER
    return None


def histories(length: int, masks: Callable[[int], Iterator[tuple[bool, ...]]]) -> Iterator[Any]:
    for words in itertools.product(STORIES, repeat=length):
        for mask in masks(length):
            yield words, mask


def every(length: int) -> Iterator[tuple[bool, ...]]:
    return itertools.product((False, True), repeat=length)


def each(length: int) -> Iterator[tuple[bool, ...]]:
    yield (True,) * length


class Life:
    """An agent over one settlement's mail, with restarts; its ledgers are shared, its memory is its own."""

    def __init__(self, desk: Desk) -> None:
        self.desk, self.register, self.board = desk, Register(Path(":memory:")), FakeBoard()
        desk.rtgs.mail.clear()
        self.start()

    def start(self) -> None:
        self.agent = Agent(
            bic=AGENTS[0],
            rtgs=RTGS,
            key=KEYS[0],
            market=MARKET,
            assets=FakeAssetLedger(self.desk.chain),
            cash=FakeCashSystem(self.desk.rtgs, AGENTS[0]),
            board=self.board,
            register=self.register,
            clock=self.desk.clock,
        )

    def left(self) -> list[OutcomeResult]:
        """Which outcomes' signatures are out, in whatever form."""
        lines = [one for run in self.board.logs.values() for one in run.attestations]
        return [one.result for one in {*self.board.attestations(HERE), *lines}]


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    desk = Desk(tmp_path_factory.mktemp("desk"))
    desk.lock()
    yield desk
    desk.register.close()


def play(locked: Desk, words: Sequence[str], restarts: Sequence[bool], *, mail_is_lost: bool) -> None:
    life = Life(locked)
    expected: OutcomeResult | None = None
    heard: list[str] = []
    for word, restart in zip(words, restarts, strict=True):
        locked.tell(STORIES[word])
        heard.append(word)
        life.agent.step()
        expected = expected or outcome(heard)
        assert life.left() == ([expected] if expected else []), (words, restarts)
        if restart:
            if mail_is_lost:
                locked.rtgs.mail.clear()
                heard.clear()
            life.start()
            life.agent.step()
            assert life.left() == ([expected] if expected else []), (words, restarts)
    assert [one.result for one in life.register.all()] == ([expected] if expected else [])
    life.register.close()


@pytest.mark.parametrize("mail_is_lost", [False, True], ids=["same mailbox", "mailbox lost at restarts"])
@pytest.mark.parametrize(("length", "masks"), [(1, every), (2, every), (3, every), (4, each)])
def test_every_story_in_every_order(locked: Desk, length: int, masks: Any, mail_is_lost: bool) -> None:
    """Seven messages, each as often as there is room, in every order, with every restart between (of four, after each).

    What is signed is what the messages so far allow, and the first stands.
    """
    count = 0
    for words, restarts in histories(length, masks):
        play(locked, words, restarts, mail_is_lost=mail_is_lost)
        count += 1
    assert count == len(STORIES) ** length * (1 if length == 4 else 2**length)


# --- killed for real


class Killed:
    """Counts the moments at which an agent may die, and dies (SIGKILL) at the one it is told."""

    def __init__(self, at: int) -> None:
        self.left = at

    def __call__(self, *_: object) -> None:
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(self, owner: Any, *methods: str) -> None:
        """Before and after each call of these methods."""
        for name in methods:
            setattr(owner, name, self._wrapped(getattr(owner, name)))

    def _wrapped(self, method: Any) -> Any:
        def call(*arguments: Any, **named: Any) -> Any:
            self()
            answer = method(*arguments, **named)
            self()
            return answer

        return call


def in_a_process(work: Callable[[], None]) -> int:
    """Forks, works and ends there; the child's wait status."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    return os.waitpid(pid, 0)[1]


def _agent(desk: Desk, cash: FakeCashSystem, board: DirectoryBoard, register: Register) -> Agent:
    return Agent(
        bic=AGENTS[0],
        rtgs=RTGS,
        key=KEYS[0],
        market=MARKET,
        assets=FakeAssetLedger(desk.chain),
        cash=cash,
        board=board,
        register=register,
        clock=desk.clock,
    )


def an_agents_life(desk: Desk, folder: Path, bodies: Sequence[Any], kill_at: int) -> None:
    """What a process does: opens its register, reads its mail, and steps until nothing moves."""
    killed = Killed(kill_at)
    register = Register(folder / "register.db", killed)
    board = DirectoryBoard(folder / "board")
    killed.around(board, "enter_run", "publish_all")
    cash = FakeCashSystem(desk.rtgs, AGENTS[0])
    killed.around(cash, "send")
    desk.rtgs.mail.clear()
    desk.tell(*bodies)
    agent = _agent(desk, cash, board, register)
    for _ in range(4):
        agent.step()
    register.close()


TRUTHS = {
    PAID: (said(PaymentState.HELD), said(PaymentState.BOOKED), notice(HERE)),
    NEVER: (said(PaymentState.HELD), said(PaymentState.REJECTED)),
}


@pytest.mark.parametrize("then", [PAID, NEVER], ids=lambda one: f"then {one.name}")
@pytest.mark.parametrize("first", [PAID, NEVER], ids=lambda one: f"first {one.name}")
def test_killed_at_every_moment(locked: Desk, tmp_path: Path, first: OutcomeResult, then: OutcomeResult) -> None:
    """SIGKILL after each commit, and before and after each signature leaves; after the restart the mail tells another
    story. Until the register has it, the later story counts; from then on the first.
    """
    locked.rtgs.available[DEBTOR.number] = 0
    ends: list[OutcomeResult] = []
    for kill_at in itertools.count(1):
        folder = tmp_path / str(kill_at)
        folder.mkdir()
        status = in_a_process(lambda at=kill_at, here=folder: an_agents_life(locked, here, TRUTHS[first], at))
        died = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        assert died or status == 0
        before = signed_in(folder)
        assert in_a_process(lambda here=folder: an_agents_life(locked, here, TRUTHS[then], 0)) == 0
        out = {one.result for one in DirectoryBoard(folder / "board").attestations(HERE)}
        assert out == set(signed_in(folder)) == {before[0] if before else then}
        line = DirectoryBoard(folder / "board").log_entry(KEYS[0].address, 1)
        assert line is not None and line.attestation.result in out
        ends.extend(out)
        if not died:
            break
    assert len(ends) >= 7, "signed, log before and after, board before and after, noted; and alive"
    assert ends[-1] is first and (first is then or ends[0] is then or before)


def signed_in(folder: Path) -> list[OutcomeResult]:
    database = sqlite3.connect(folder / "register.db")
    try:
        return [OutcomeResult(row[0]) for row in database.execute("SELECT result FROM outcome")]
    except sqlite3.OperationalError:  # killed before it had tables
        return []
    finally:
        database.close()


@pytest.mark.parametrize("copies", [False, True], ids=["one register", "two copies of it"])
def test_two_processes_at_once(locked: Desk, tmp_path: Path, copies: bool) -> None:
    """Real processes, told opposite stories at the same moment, on one board: one outcome leaves."""
    wins = set()
    for turn in range(12):
        shared = tmp_path / str(turn)
        shared.mkdir()
        ready, go = os.pipe()
        children = []
        for place, story in enumerate((PAID, NEVER)):
            pid = os.fork()
            if pid == 0:
                code = 1
                try:
                    os.close(go)
                    os.read(ready, 1)  # both begin when the pipe is closed
                    _one_of_two(locked, shared, f"register-{place if copies else 0}.db", TRUTHS[story])
                    code = 0
                finally:
                    os._exit(code)
            children.append(pid)
        os.close(ready)
        os.close(go)
        assert [os.waitpid(pid, 0)[1] for pid in children] == [0, 0]
        board = DirectoryBoard(shared / "board")
        (result,) = {one.result for one in board.attestations(HERE)}
        (number,) = board.log_numbers(KEYS[0].address)
        line = board.log_entry(KEYS[0].address, number)
        assert line is not None and line.attestation.result is result
        wins.add(result)
    assert wins <= {PAID, NEVER}


def _one_of_two(desk: Desk, shared: Path, name: str, bodies: Sequence[Any]) -> None:
    register = Register(shared / name)
    desk.rtgs.mail.clear()
    desk.tell(*bodies)
    agent = _agent(desk, FakeCashSystem(desk.rtgs, AGENTS[0]), DirectoryBoard(shared / "board"), register)
    for _ in range(5):
        agent.step()
    register.close()


def test_the_oracle_itself() -> None:
    assert outcome(["held"]) is None and outcome(["booked"]) is None and outcome(["noticed"]) is None
    assert outcome(["noticed", "held", "booked"]) is PAID and outcome(["cancelled", "rejected"]) is NEVER
    assert outcome(["booked", "noticed", "rejected"]) is None and outcome(["cancelled", "noticed"]) is None
    assert MARKET.network == NETWORK
