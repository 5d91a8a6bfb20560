"""The operators make exactly the changes that they should, where they should."""

from collections.abc import Iterator
from typing import Any

import pytest

from .building import Compilers
from .mutants import Mutant
from .operators import mutants_of

COMPILERS: list[Compilers] = []
"""The one that all tests here share."""

FILE = "Ünit.sol"
# Words beyond ASCII in front: the compiler counts bytes.
FRAME = """// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;
// – ünïcödé –
contract Frame {{
    enum Step {{ First, Second, Third }}
    event Moved(uint256 from, uint256 to, address who);
    error Refused(uint256 actual, uint256 expected);
    uint256 private stored;
    mapping(address => uint256) private counts;
    modifier guarded() {{ if (stored == 7) revert Refused(stored, 7); _; }}
    function named(uint256 a, uint256 b, bool p, bool q, address who) external {modifiers} returns ({returns}) {{
        {body}
    }}
}}
"""


@pytest.fixture(autouse=True, scope="module")
def _compiler() -> Iterator[None]:
    with Compilers(1) as running:
        COMPILERS.append(running)
        yield
        COMPILERS.clear()


def trees_of(content: str) -> dict[str, Any]:
    request = {
        "language": "Solidity",
        "sources": {FILE: {"content": content}},
        "settings": {"outputSelection": {"*": {"": ["ast"]}}},
    }
    answer = COMPILERS[0].answers([request])[0]
    assert not [one for one in answer.get("errors", ()) if one["severity"] == "error"], answer["errors"]
    return {name: unit["ast"] for name, unit in answer["sources"].items()}


def mutants(body: str, returns: str = "uint256", modifiers: str = "") -> list[Mutant]:
    content = FRAME.format(body=body, returns=returns, modifiers=modifiers)
    return [one for one in mutants_of(FILE, content, trees_of(content)) if one.function == "named"]


def changes(body: str, kind: str, returns: str = "uint256") -> set[str]:
    """What the line becomes by the edits of one kind."""
    return {one.after for one in mutants(body, returns) if one.edit.kind == kind}


@pytest.mark.parametrize(
    ("sign", "others"),
    [
        ("<", ("<=", ">=")),
        ("<=", ("<", ">")),
        (">", (">=", "<=")),
        (">=", (">", "<")),
        ("==", ("!=",)),
        ("!=", ("==",)),
    ],
)
def test_a_comparison_moves_its_boundary_and_is_negated(sign: str, others: tuple[str, ...]) -> None:
    assert changes(f"return a {sign} b;", "comparison", "bool") == {f"return a {other} b;" for other in others}


def test_arithmetic_and_bits() -> None:
    body = "return a + b * a - (a / b);"
    assert changes(body, "arithmetic") == {
        "return a - b * a - (a / b);",
        "return a + b / a - (a / b);",
        "return a + b * a + (a / b);",
        "return a + b * a - (a * b);",
    }
    assert changes("return a & ~b << a;", "bits") == {
        "return (a | ~b << a);",
        "return a & (b) << a;",
        "return a & (~b >> a);",
    }
    assert changes("return a % b;", "arithmetic") == {"return a * b;"}


def test_a_comment_between_operands_is_not_taken_for_the_sign() -> None:
    assert changes("return a /* not - but */ - b;", "arithmetic") == {"return a /* not - but */ + b;"}


def test_logic_swaps_and_drops_operands() -> None:
    assert changes("return p && !q;", "logic", "bool") == {"return ((p) || (!q));", "return p && (q);"}
    assert changes("return p && !q;", "operand-removed", "bool") == {"return (p);", "return (!q);"}


def test_numbers_are_off_by_one_and_keep_their_form() -> None:
    assert changes("return a + 2 days;", "constant") == {"return a + 3 days;", "return a + 1 days;"}
    assert changes("return a + 0x0f;", "constant") == {"return a + 0x10;", "return a + 0x0e;"}
    assert changes("return a + 0;", "constant") == {"return a + 1;"}
    assert changes("return true;", "constant", "bool") == {"return false;"}
    assert changes("return 1_000;", "constant") == {"return 1001;", "return 999;"}


def test_texts_change_their_last_sign() -> None:
    assert changes('return "abc";', "constant", "string memory") == {'return "ab_";'}
    assert changes('return hex"0f";', "constant", "bytes1") == {'return hex"00";'}
    assert changes('return "";', "constant", "string memory") == set()


def test_a_member_of_an_enumeration_becomes_the_next() -> None:
    assert changes("return Step.Second;", "constant", "Step") == {"return Step.Third;"}
    assert changes("return Step.Third;", "constant", "Step") == {"return Step.First;"}


def test_a_refusal_is_removed_and_negated() -> None:
    body = "if (p && q) revert Refused(a, b); return a;"
    assert "{} return a;" in changes(body, "check-removed")
    assert "if (!(p && q)) revert Refused(a, b); return a;" in changes(body, "check-negated")
    assert changes("if (a < b) { revert Refused(a, b); } return a;", "check-removed") == {"{} return a;"}
    # The comparison and the negation have mutants that say the same.
    assert changes("if (a < b) revert Refused(a, b); return a;", "check-negated") == set()
    assert changes("if (!p) revert Refused(a, b); return a;", "check-negated") == set()
    assert changes("if (p) revert Refused(a, b); else a = b; return a;", "check-removed") == {"a = b; return a;"}


def test_a_branch_is_always_and_never_taken() -> None:
    assert changes("if (p) a = b; return a;", "branch") == {
        "if (true) a = b; return a;",
        "if (false) a = b; return a;",
    }
    assert changes("return p ? a : b;", "branch") == {"return (a);", "return (b);"}
    assert changes("while (p) { if (q) break; continue; } return a;", "branch") >= {
        "while (p) { if (q) {} continue; } return a;",
        "while (p) { if (q) break; {} } return a;",
    }


def test_writes_are_told_from_assignments_and_both_removed() -> None:
    body = "stored = a; counts[who] += b; delete counts[who]; b = a; return b;"
    assert changes(body, "write-removed") == {
        "{} counts[who] += b; delete counts[who]; b = a; return b;",
        "stored = a; {} delete counts[who]; b = a; return b;",
        "stored = a; counts[who] += b; {} b = a; return b;",
    }
    assert changes(body, "assignment-removed") == {
        "stored = a; counts[who] += b; delete counts[who]; {} return b;",
    }
    assert changes("counts[who] += b; return b;", "assignment") == {
        "counts[who] = b; return b;",
        "counts[who] -= b; return b;",
    }


def test_events_calls_and_modifiers_are_removed() -> None:
    assert changes("emit Moved(a, b, who); return a;", "event-removed") == {"{} return a;"}
    assert changes("this.named(a, b, p, q, who); return a;", "call-removed") == {"{} return a;"}
    removed = [one.after for one in mutants("return a;", modifiers="guarded") if one.edit.kind == "modifier-removed"]
    assert removed == [
        "function named(uint256 a, uint256 b, bool p, bool q, address who) external returns (uint256) {",
    ]


def test_neighbours_of_one_type_change_places() -> None:
    assert changes("emit Moved(a, b, who); return a;", "arguments-swapped") == {"emit Moved(b, a, who); return a;"}
    assert changes("return (a, b, who);", "return", "uint256, uint256, address") == {"return (b, a, who);"}
    assert changes("emit Moved(a, a, who); return a;", "arguments-swapped") == set()


def test_what_is_returned_becomes_nothing() -> None:
    assert changes("return a + b;", "return") == {"return uint256(0);"}
    assert changes("return who;", "return", "address") == {"return address(0);"}
    assert changes("return p;", "return", "bool") == {"return !(p);"}


def test_the_step_of_a_loop_is_turned_and_never_removed() -> None:
    body = "for (uint256 i = 0; i < b; ++i) stored = i; return a;"
    assert changes(body, "arithmetic") == {"for (uint256 i = 0; i < b; --i) stored = i; return a;"}
    assert changes(body, "assignment-removed") == set()


def test_assembly() -> None:
    body = "assembly { if lt(a, b) { a := add(b, 0x20) } mstore(0x40, a) } return a;"
    assert changes(body, "assembly") == {
        "assembly { {} mstore(0x40, a) } return a;",
        "assembly { if gt(a, b) { a := add(b, 0x20) } mstore(0x40, a) } return a;",
        "assembly { if lt(a, b) { {} } mstore(0x40, a) } return a;",
        "assembly { if lt(a, b) { a := sub(b, 0x20) } mstore(0x40, a) } return a;",
        "assembly { if lt(a, b) { a := add(b, 0x21) } mstore(0x40, a) } return a;",
        "assembly { if lt(a, b) { a := add(b, 0x1f) } mstore(0x40, a) } return a;",
        "assembly { if lt(a, b) { a := add(b, 0x20) } {} } return a;",
        "assembly { if lt(a, b) { a := add(b, 0x20) } mstore(0x41, a) } return a;",
        "assembly { if lt(a, b) { a := add(b, 0x20) } mstore(0x3f, a) } return a;",
    }


def test_every_mutant_has_an_id_and_differs_from_what_was() -> None:
    found = mutants("if (p && q) revert Refused(a, b); return p ? a + 1 : b;")
    assert len({one.id for one in found}) == len(found) > 10
    content = FRAME.format(
        body="if (p && q) revert Refused(a, b); return p ? a + 1 : b;", returns="uint256", modifiers=""
    )
    texts = {one.applied(content) for one in found}
    assert len(texts) == len(found)
    assert content not in texts


def test_a_mutant_is_only_applied_to_what_it_was_made_from() -> None:
    with pytest.raises(AssertionError, match="not the version"):
        mutants("return a + b;")[0].applied("other")
