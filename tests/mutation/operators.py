"""Mutation operators on the compiler's syntax tree.

A tree is what solc's standard JSON output `ast` gives; places are its byte offsets (`src`: start:length:file), so
nothing here reads Solidity by pattern. Each operator yields edits; an edit that does not compile is dropped later.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from typing import Any

from .mutants import Edit, Mutant

__all__ = ["mutants_of"]

Node = dict[str, Any]

# The other side of each boundary, and the negation.
COMPARISONS = {
    "<": ("<=", ">="),
    "<=": ("<", ">"),
    ">": (">=", "<="),
    ">=": (">", "<"),
    "==": ("!=",),
    "!=": ("==",),
}
ARITHMETIC = {"+": "-", "-": "+", "*": "/", "/": "*", "%": "*", "**": "*"}
BITS = {"&": "|", "|": "&", "^": "&", "<<": ">>", ">>": "<<"}
ASSIGNMENTS = {"+=": "-=", "-=": "+=", "*=": "/=", "/=": "*=", "|=": "&=", "&=": "|=", "<<=": ">>=", ">>=": "<<="}
YUL = {
    "add": "sub", "sub": "add", "mul": "div", "div": "mul", "shl": "shr", "shr": "shl", "and": "or", "or": "and",
    "lt": "gt", "gt": "lt", "eq": "lt",
}  # fmt: skip
# No code comes of these.
SILENT = {
    "EnumDefinition", "ErrorDefinition", "EventDefinition", "ImportDirective", "InheritanceSpecifier", "ParameterList",
    "PragmaDirective", "StructDefinition", "StructuredDocumentation", "UserDefinedValueTypeDefinition",
    "UsingForDirective",
}  # fmt: skip
COMMENT = re.compile(rb"//[^\n]*|/\*.*?\*/", re.DOTALL)


def children(node: Node) -> Iterator[Node]:
    for value in node.values():
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, dict) and "nodeType" in child:
                yield child


def walk(node: Node) -> Iterator[Node]:
    yield node
    for child in children(node):
        yield from walk(child)


def mutants_of(file: str, content: str, trees: Mapping[str, Node]) -> list[Mutant]:
    """Every mutant of one source unit, by place. `trees` are the trees of the unit and of all that it imports."""
    unit = _Unit(content.encode(), trees)
    found: dict[tuple[int, int, str], Mutant] = {}
    for function, edit in unit.edits(trees[file], "", in_for_head=False):
        mutant = Mutant.of(file, unit.data, function, edit)
        if unit.data[edit.start : edit.end] != edit.text.encode():
            found.setdefault((edit.start, edit.end, edit.text), mutant)
    return [found[key] for key in sorted(found)]


class _Unit:
    """One source unit, and what the trees say of the names it uses."""

    def __init__(self, data: bytes, trees: Mapping[str, Node]) -> None:
        self.data = data
        self._enums: dict[int, list[str]] = {}
        self._stored: set[int] = set()
        for tree in trees.values():
            for node in walk(tree):
                if node["nodeType"] == "EnumDefinition":
                    members = [member["name"] for member in node["members"]]
                    self._enums |= {member["id"]: members for member in node["members"]}
                elif node["nodeType"] == "VariableDeclaration" and (
                    node["stateVariable"] or node["storageLocation"] == "storage"
                ):
                    self._stored.add(node["id"])
        self._rules: dict[str, Callable[[Node], Iterator[Edit]]] = {
            "Assignment": self._assignment,
            "BinaryOperation": self._binary,
            "Break": self._removed_jump,
            "Conditional": self._conditional,
            "Continue": self._removed_jump,
            "EmitStatement": self._removed_event,
            "ExpressionStatement": self._removed_statement,
            "FunctionCall": self._swapped,
            "IfStatement": self._if,
            "Literal": self._literal,
            "MemberAccess": self._member,
            "ModifierInvocation": self._modifier,
            "Return": self._return,
            "UnaryOperation": self._unary,
            "YulAssignment": self._removed_yul,
            "YulExpressionStatement": self._removed_yul,
            "YulFunctionCall": self._yul_call,
            "YulIf": self._removed_yul,
            "YulLiteral": self._yul_literal,
        }

    def edits(self, node: Node, function: str, *, in_for_head: bool) -> Iterator[tuple[str, Edit]]:
        kind = node["nodeType"]
        if kind in SILENT or kind.endswith("TypeName"):
            return
        if kind in ("FunctionDefinition", "ModifierDefinition"):
            function = node["name"] or node["kind"]
        elif kind == "VariableDeclaration" and not function:
            function = node["name"]
        # A `for` head takes no empty statement; what steps the loop is changed, not removed.
        if kind in self._rules and not (in_for_head and kind == "ExpressionStatement"):
            for edit in self._rules[kind](node):
                yield function, edit
        for child in children(node):
            in_head = kind == "ForStatement" and child is node.get("loopExpression")
            yield from self.edits(child, function, in_for_head=in_head)

    # Places

    def _span(self, node: Node) -> tuple[int, int]:
        start, length, _ = map(int, node["src"].split(":"))
        return start, start + length

    def _text(self, node: Node) -> str:
        start, end = self._span(node)
        return self.data[start:end].decode()

    def _replaced(self, node: Node, text: str, kind: str) -> Edit:
        start, end = self._span(node)
        return Edit(start=start, end=end, text=text, kind=kind)

    def _dropped(self, node: Node, text: str, kind: str) -> Edit:
        """The statement with the semicolon that the tree leaves out."""
        start, end = self._span(node)
        rest = self.data[end:]
        if rest.lstrip().startswith(b";"):
            end += rest.index(b";") + 1
        return Edit(start=start, end=end, text=text, kind=kind)

    def _between(self, left: Node, right: Node, sign: str, text: str, kind: str) -> Edit:
        """The sign between two operands becomes another."""
        low, high = self._span(left)[1], self._span(right)[0]
        gap = COMMENT.sub(lambda found: b" " * len(found.group()), self.data[low:high])
        start = low + gap.index(sign.encode())
        return Edit(start=start, end=start + len(sign), text=text, kind=kind)

    # Expressions

    def _binary(self, node: Node) -> Iterator[Edit]:
        left, right, sign = node["leftExpression"], node["rightExpression"], node["operator"]
        for other in COMPARISONS.get(sign, ()):
            yield self._between(left, right, sign, other, "comparison")
        if sign in ARITHMETIC:
            yield self._between(left, right, sign, ARITHMETIC[sign], "arithmetic")
        if sign in BITS:
            # Their precedences differ, so the whole is written anew.
            yield self._replaced(node, f"({self._text(left)} {BITS[sign]} {self._text(right)})", "bits")
        if sign in ("&&", "||"):
            other = "||" if sign == "&&" else "&&"
            yield self._replaced(node, f"(({self._text(left)}) {other} ({self._text(right)}))", "logic")
            yield self._replaced(node, f"({self._text(left)})", "operand-removed")
            yield self._replaced(node, f"({self._text(right)})", "operand-removed")

    def _unary(self, node: Node) -> Iterator[Edit]:
        operand, sign = self._text(node["subExpression"]), node["operator"]
        if sign in ("!", "~", "-"):
            yield self._replaced(node, f"({operand})", "logic" if sign == "!" else "bits")
        elif sign in ("++", "--"):
            other = "--" if sign == "++" else "++"
            yield self._replaced(node, other + operand if node["prefix"] else operand + other, "arithmetic")

    def _conditional(self, node: Node) -> Iterator[Edit]:
        for branch in ("trueExpression", "falseExpression"):
            yield self._replaced(node, f"({self._text(node[branch])})", "branch")

    def _assignment(self, node: Node) -> Iterator[Edit]:
        left, right, sign = node["leftHandSide"], node["rightHandSide"], node["operator"]
        if sign != "=":
            yield self._between(left, right, sign, "=", "assignment")
            if sign in ASSIGNMENTS:
                yield self._between(left, right, sign, ASSIGNMENTS[sign], "assignment")

    def _literal(self, node: Node) -> Iterator[Edit]:
        text = self._text(node)
        if node["kind"] == "bool":
            yield self._replaced(node, "false" if text == "true" else "true", "constant")
        elif node["kind"] == "number":
            yield from (self._replaced(node, other, "constant") for other in _off_by_one(text))
        elif node["kind"] == "hexString" and len(node["hexValue"]) > 0:
            last = text[-2]
            yield self._replaced(node, text[:-2] + ("0" if last != "0" else "1") + text[-1], "constant")
        elif node["kind"] in ("string", "unicodeString") and len(node["hexValue"]) > 0:
            last = text[-2]
            yield self._replaced(node, text[:-2] + ("_" if last != "_" else ".") + text[-1], "constant")

    def _member(self, node: Node) -> Iterator[Edit]:
        members = self._enums.get(node.get("referencedDeclaration") or 0)
        if members is not None:
            following = members[(members.index(node["memberName"]) + 1) % len(members)]
            yield self._replaced(node, f"{self._text(node['expression'])}.{following}", "constant")

    def _swapped(self, node: Node) -> Iterator[Edit]:
        if node["kind"] != "typeConversion":
            yield from self._swaps(node["arguments"], "arguments-swapped")

    def _swaps(self, values: list[Node | None], kind: str) -> Iterator[Edit]:
        """Each two neighbours of one type change places."""
        for one, other in pairwise(values):
            if one is None or other is None or self._type(one) != self._type(other):
                continue
            first, second = self._span(one), self._span(other)
            between = self.data[first[1] : second[0]].decode()
            text = self._text(other) + between + self._text(one)
            yield Edit(start=first[0], end=second[1], text=text, kind=kind)

    @staticmethod
    def _type(node: Node) -> str:
        name = str(node["typeDescriptions"]["typeString"])
        for place in (" memory", " calldata", " storage ref", " storage pointer", " payable"):
            name = name.replace(place, "")
        return "integer" if name.startswith(("int_const", "uint")) else name

    # Statements

    def _if(self, node: Node) -> Iterator[Edit]:
        condition, body, otherwise = node["condition"], node["trueBody"], node.get("falseBody")
        text = self._text(condition)
        last = body["statements"][-1:] if body["nodeType"] == "Block" else [body]
        if [one["nodeType"] for one in last] == ["RevertStatement"]:
            yield self._dropped(node, self._text(otherwise) + ";" if otherwise else "{}", "check-removed")
            negated = condition["nodeType"] == "UnaryOperation" and condition["operator"] == "!"
            compared = condition["nodeType"] == "BinaryOperation" and condition["operator"] in COMPARISONS
            # These have their negation among their own mutants.
            if not negated and not compared:
                yield self._replaced(condition, f"!({text})", "check-negated")
        else:
            yield self._replaced(condition, "true", "branch")
            yield self._replaced(condition, "false", "branch")

    def _return(self, node: Node) -> Iterator[Edit]:
        value = node.get("expression")
        if value is None:
            yield self._dropped(node, "{}", "return")
            return
        kind, text = self._type(value), self._text(value)
        if value["nodeType"] == "TupleExpression" and not value["isInlineArray"]:
            yield from self._swaps(value["components"], "return")
        elif value["nodeType"] in ("Literal", "Conditional"):
            pass
        elif kind == "bool":
            yield self._replaced(value, f"!({text})", "return")
        elif kind == "integer" or kind.startswith("bytes") or kind == "address":
            width = kind if kind != "integer" else value["typeDescriptions"]["typeString"]
            nothing = {"address": "address(0)", "bytes": '""'}.get(kind, f"{width}(0)")
            yield self._replaced(value, nothing, "return")

    def _removed_statement(self, node: Node) -> Iterator[Edit]:
        inner = node["expression"]
        if inner["nodeType"] == "FunctionCall":
            yield self._dropped(node, "{}", "call-removed")
        elif inner["nodeType"] == "Assignment":
            kind = "write-removed" if self._is_stored(inner["leftHandSide"]) else "assignment-removed"
            yield self._dropped(node, "{}", kind)
        elif inner["nodeType"] == "UnaryOperation":
            stored = self._is_stored(inner["subExpression"])
            yield self._dropped(node, "{}", "write-removed" if stored else "assignment-removed")

    def _is_stored(self, node: Node) -> bool:
        """Whether an assignment to `node` writes storage: it starts at a state variable or a reference to one."""
        while (inner := node.get("baseExpression") or node.get("expression")) is not None:
            node = inner
        return node.get("referencedDeclaration") in self._stored

    def _removed_event(self, node: Node) -> Iterator[Edit]:
        yield self._dropped(node, "{}", "event-removed")

    def _removed_jump(self, node: Node) -> Iterator[Edit]:
        yield self._dropped(node, "{}", "branch")

    def _modifier(self, node: Node) -> Iterator[Edit]:
        if node["kind"] == "modifierInvocation":
            yield self._replaced(node, "", "modifier-removed")

    # Assembly

    def _removed_yul(self, node: Node) -> Iterator[Edit]:
        yield self._replaced(node, "{}", "assembly")

    def _yul_call(self, node: Node) -> Iterator[Edit]:
        name = node["functionName"]
        if name["name"] in YUL:
            yield self._replaced(name, YUL[name["name"]], "assembly")

    def _yul_literal(self, node: Node) -> Iterator[Edit]:
        if node["kind"] == "number":
            yield from (self._replaced(node, other, "assembly") for other in _off_by_one(self._text(node)))


def _off_by_one(text: str) -> Iterator[str]:
    """The numbers beside `text`, written as it is: digits or hexadecimal, with the unit behind it."""
    number, _, unit = text.partition(" ")
    hexadecimal = number.lower().startswith("0x")
    digits = number.replace("_", "")
    if not hexadecimal and not digits.isdigit():
        return
    value = int(digits, 16 if hexadecimal else 10)
    for other in (value + 1, value - 1):
        if other >= 0:
            written = f"0x{other:0{len(digits) - 2}x}" if hexadecimal else str(other)
            yield f"{written} {unit}".rstrip()
