"""Roles that are apart and quorums that are safe, in Python before anything is sent and in the contracts."""

from itertools import combinations
from typing import Any

import pytest
from deployed import NAMES, holders
from ledger_venues import AGENTS

from lockstep.chain.factory import PROXY
from lockstep.chain.planning import Planner
from lockstep.domain.errors import ContractRefused, InvalidInput
from lockstep.testing.fakes import key


def test_every_pair_of_roles_with_one_key_is_refused() -> None:
    places = [*NAMES, *(f"agents/{number}" for number in range(1, 5))]
    for first, second in combinations(places, 2):
        changed: dict[str, Any] = {}
        agents = [one.address for one in AGENTS]
        for name in (first, second):
            if name.startswith("agents/"):
                agents[int(name[-1]) - 1] = key("both").address
            else:
                changed[name] = key("both").address
        with pytest.raises(InvalidInput) as caught:
            holders(**changed, agents=tuple(agents)).check()
        assert caught.value.field == f"roles/{second}"
        assert caught.value.value == key("both").address
        assert caught.value.rule == f"a key of its own: this one is roles/{first} too"


def test_a_role_that_is_a_participants_wallet_or_nobodys_is_refused() -> None:
    with pytest.raises(InvalidInput) as caught:
        holders().check({"BANKDEFF": key("issuer").address.lower()})
    assert caught.value.field == "wallets/BANKDEFF"
    assert "roles/issuer" in caught.value.rule
    for nobody in ("0x" + "00" * 20, "0x12", ""):
        with pytest.raises(InvalidInput) as caught:
            holders(officer=nobody).check()
        assert (caught.value.field, caught.value.value) == ("roles/officer", nobody)


def test_unsafe_quorums_are_refused_and_the_contract_agrees() -> None:
    """In Python before anything is sent, and by DvP's own constructor (I9)."""
    planner = Planner(1, PROXY, b"\0" * 32)
    ascending = sorted((key(f"agent {number}").address for number in range(9)), key=lambda one: int(one, 16))
    for n in (0, 1, 2, 3, 4, 5, 8, 9):
        for m in range(n + 2):
            for f in range(3):
                roles = holders(agents=tuple(ascending[:n]), quorum=m, faulty=f)
                safe = 1 <= n <= 8 and 1 <= m <= n and 2 * m - n > f
                epoch = {
                    "agents": ascending[:n], "quorum": m, "faulty": f,
                    "officer": roles.officer, "confirmer": roles.confirmer,
                }  # fmt: skip
                if safe:
                    roles.check()
                    assert planner.add("dvp", "DvP", {"first": epoch}).runtime
                    continue
                with pytest.raises(InvalidInput) as caught:
                    roles.check()
                assert caught.value.field == ("roles/agents" if not 1 <= n <= 8 else "roles/quorum")
                with pytest.raises(ContractRefused) as refused:
                    planner.add("dvp", "DvP", {"first": epoch})
                assert refused.value.name == ("BadAgentCount" if not 1 <= n <= 8 else "UnsafeQuorum")
    with pytest.raises(InvalidInput, match="roles/faulty"):
        holders(faulty=-1).check()


def test_doubled_agents_are_refused_by_the_contract_too() -> None:
    one, two = sorted((key("a").address, key("b").address), key=lambda address: int(address, 16))
    epoch = {
        "agents": [one, two, two], "quorum": 3, "faulty": 1,
        "officer": key("officer").address, "confirmer": key("confirmer").address,
    }  # fmt: skip
    with pytest.raises(ContractRefused, match="AgentsNotAscending"):
        Planner(1, PROXY, b"\0" * 32).add("dvp", "DvP", {"first": epoch})
