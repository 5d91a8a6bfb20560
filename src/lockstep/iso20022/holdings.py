"""Statements of holdings from a legacy book: semt.002 (custody) and semt.003 (accounting), as long as they come.

A file is one page: a `Document`, alone or in the envelope of our own messages. It is read as it arrives, and no more of
it is kept than one balance. Each balance is judged by the usage guideline by itself: one that breaks a rule is a BadRow
with its line, and the next is read. What is wrong with the page as such ends it: InvalidMessage, then what was read of
the page before is no statement, and must not be compared with anything.
"""

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from typing import BinaryIO

from lxml import etree

from lockstep.domain.errors import InvalidInput, InvalidMessage
from lockstep.domain.identifiers import Lei
from lockstep.domain.instruction import QuantityType
from lockstep.domain.legacy import BadRow, HoldingsStatement, LegacyPosition, SubBalance
from lockstep.domain.money import Quantity
from lockstep.iso20022.fields import Fields
from lockstep.iso20022.validation import local_name, shown, validate

__all__ = ["HOLDINGS_TYPES", "HoldingsPage", "read_holdings"]

HOLDINGS_TYPES = {"semt.002.001.11": "SctiesBalCtdyRpt", "semt.003.001.11": "SctiesBalAcctgRpt"}
"""The definitions that are taken, and the element that each holds."""

_ISO = "urn:iso:std:iso:20022:tech:xsd:"
_HEAD = "head.001.001.02"
_ENVELOPE = "{urn:lockstep:bizmsg:1}BizMsg"
_ROWS, _SUB_ACCOUNT = ("BalForAcct", "BalForSubAcct"), "SubAcctDtls"
_BIG_LINE = 65535
"""From here on libxml2 knows a line by the text that follows a tag."""


@dataclass(frozen=True, slots=True)
class HoldingsPage:
    """What the page says of itself, and its rows, which can be gone through once."""

    statement: HoldingsStatement
    rows: Iterator[LegacyPosition | BadRow]


def read_holdings(source: BinaryIO) -> HoldingsPage:
    """One page of a statement from a file in UTF-8. Raises InvalidMessage, here or from the rows, and nothing else."""
    reader = _Reader(source)
    return HoldingsPage(reader.statement, reader.rows())


@dataclass(frozen=True, slots=True)
class _Holder:
    """Whose the balances are that follow; `broken` says why that cannot be known, or that there must be none."""

    owner: Lei
    account: str
    broken: InvalidInput | None = None


class _Reader:
    def __init__(self, source: BinaryIO) -> None:
        self._events = etree.iterparse(
            source,
            events=("start", "end"),
            tag=[f"{{{_ISO}{name}}}{tag}" for name, root in HOLDINGS_TYPES.items() for tag in _tags(root)],
            resolve_entities=False,
            no_network=True,
            load_dtd=False,
            dtd_validation=False,
            attribute_defaults=False,
            huge_tree=False,
            remove_comments=True,
            remove_pis=True,
        )
        self._ahead: tuple[str, etree._Element] | None = None
        report = self._first()
        self._report, self._place = report, f"Document/{local_name(str(report.tag))}"
        namespace = str(report.tag)[1:].partition("}")[0]
        self._definition, self._in = namespace.removeprefix(_ISO), f"{{{namespace}}}"
        self._require_envelope(report)
        self._to_first_row()
        self.statement = self._header()

    def rows(self) -> Iterator[LegacyPosition | BadRow]:
        """The balances of the account, then those of its sub-accounts."""
        said = self.statement
        holder: _Holder | None = self._holder_of_account()
        sub_account: etree._Element | None = None
        last: etree._Element | None = None
        for event, element in self._all():
            name, parent = local_name(str(element.tag)), element.getparent()
            if element is self._report:
                if event == "end":
                    self._require_end(last)
                continue
            if name == _SUB_ACCOUNT and parent is self._report:
                if event == "start":
                    sub_account, holder = element, None
                    self._drop_before(element, last)
                else:
                    if holder is None:
                        yield from self._apart(element, self._holder_of(element))
                    self._require_end_of(element)
                    sub_account, last = None, element
                    element.clear(keep_tail=True)  # type: ignore[call-arg]  # the stubs know lxml before 4.4
            elif name == "BalForSubAcct" and sub_account is not None and parent is sub_account:
                if event == "start":
                    holder = holder or self._holder_of(sub_account)
                    self._drop_like(element, sub_account)
                elif holder is not None:
                    yield self._row(element, holder)
                    element.clear(keep_tail=True)  # type: ignore[call-arg]  # the stubs know lxml before 4.4
            elif name == "BalForAcct" and parent is self._report:
                if event == "start":
                    if last is not None and local_name(str(last.tag)) == _SUB_ACCOUNT:
                        raise InvalidMessage(f"{self._place}/BalForAcct", "", f"before {_SUB_ACCOUNT}")
                    self._drop_before(element, last)
                else:
                    assert holder is not None  # nothing but a sub-account, after which none comes, takes it away
                    yield self._row(element, holder)
                    last = element
                    element.clear(keep_tail=True)  # type: ignore[call-arg]  # the stubs know lxml before 4.4
        self._require_whole()
        if said.has_activity and last is None:
            raise InvalidMessage(f"{self._place}/StmtGnlDtls/ActvtyInd", "true", "false where there is no balance")

    # --- the page as such

    def _all(self) -> Iterator[tuple[str, etree._Element]]:
        try:
            if self._ahead is not None:
                yield self._ahead
            for event, element in self._events:  # noqa: UP028 -- what stops listening to this does not end that
                yield event, element
        except etree.XMLSyntaxError as broken:
            line, column = broken.position
            said = shown((broken.msg or "").partition(", line ")[0])
            raise InvalidMessage("XML", f"line {line}, column {column}", f"well-formed XML ({said})") from None

    def _first(self) -> etree._Element:
        for _, element in self._all():
            if local_name(str(element.tag)) in HOLDINGS_TYPES.values():
                return element
            break
        taken = " or ".join(f"{root} of {name}" for name, root in HOLDINGS_TYPES.items())
        raise InvalidMessage("Document", "", f"holds {taken}")

    def _require_envelope(self, report: etree._Element) -> None:
        """A document alone, or in BizMsg after its header; UTF-8 and no document type either way."""
        tree = report.getroottree()
        declared: str = tree.docinfo.doctype  # type: ignore[attr-defined]  # the stubs leave it out
        if declared:
            raise InvalidMessage("XML/DOCTYPE", shown(declared), "no document type declaration")
        if (tree.docinfo.encoding or "UTF-8").upper() != "UTF-8":
            raise InvalidMessage("XML/@encoding", shown(str(tree.docinfo.encoding)), "UTF-8")
        if report.tag != f"{self._in}{HOLDINGS_TYPES[self._definition]}":
            rule = f"{HOLDINGS_TYPES[self._definition]}, as the namespace says"
            raise InvalidMessage("Document", local_name(str(report.tag)), rule)
        above = [str(one.tag) for one in report.iterancestors()]
        if above == [f"{self._in}Document"]:
            return
        root = tree.getroot()
        if above != [f"{self._in}Document", _ENVELOPE] or [str(one.tag) for one in root][:-1] != [
            f"{{{_ISO}{_HEAD}}}AppHdr"
        ]:
            raise InvalidMessage("Document", shown(" in ".join(map(local_name, above))), "alone, or in BizMsg")
        try:
            validate(deepcopy(root[0]), f"{_HEAD}.xsd")
        except InvalidMessage as broken:
            raise InvalidMessage(f"AppHdr/{broken.field}", broken.value, broken.rule) from None
        said = root[0].findtext(f"{{{_ISO}{_HEAD}}}MsgDefIdr")
        if said != self._definition:
            rule = f"{self._definition}, as the document's namespace says"
            raise InvalidMessage("AppHdr/MsgDefIdr", said, rule)

    def _to_first_row(self) -> None:
        """Reads on until a balance, a sub-account or the report's end shows that its header is whole."""
        for event, element in self._all():
            within = element.getparent() is self._report
            if (event == "start" and within) or (event == "end" and element is self._report):
                self._ahead = event, element
                return

    def _header(self) -> HoldingsStatement:
        document = etree.Element(f"{self._in}Document")
        report = etree.SubElement(document, str(self._report.tag))
        for child in self._report:
            if local_name(str(child.tag)) not in (*_ROWS, _SUB_ACCOUNT):
                report.append(deepcopy(child))
        try:
            validate(document, f"{self._definition}.xsd")
        except InvalidMessage as broken:
            raise InvalidMessage(f"Document/{broken.field}", broken.value, broken.rule) from None
        self._kept = len(report)
        fields = _fields(report)
        try:
            at = fields.instant_or_none("StmtGnlDtls/StmtDtTm/DtTm")
            return HoldingsStatement(
                definition=self._definition,
                as_of=fields.day("StmtGnlDtls/StmtDtTm/Dt") if at is None else at.date(),
                at=at,
                statement_id=fields.get("StmtGnlDtls/StmtId"),
                page=int(fields["Pgntn/PgNb"]),
                is_last=fields["Pgntn/LastPgInd"] == "true",
                owner=_owner(fields) if "AcctOwnr" in fields else None,
                account=fields.get("SfkpgAcct/Id"),
                has_activity=fields["StmtGnlDtls/ActvtyInd"] == "true",
                has_sub_accounts=fields["StmtGnlDtls/SubAcctInd"] == "true",
            )
        except InvalidInput as broken:
            raise InvalidMessage(f"{self._place}/{broken.field}", broken.value, broken.rule) from None

    def _holder_of_account(self) -> _Holder:
        said, broken = self.statement, None
        if said.owner is None:
            broken = InvalidMessage(f"{self._place}/AcctOwnr", "", "is required where there is a BalForAcct")
        elif said.account is None:
            broken = InvalidMessage(f"{self._place}/SfkpgAcct", "", "is required where there is a BalForAcct")
        elif not said.has_activity:
            broken = InvalidMessage(f"{self._place}/StmtGnlDtls/ActvtyInd", "false", "true where there is a balance")
        return _Holder(said.owner or Lei(""), said.account or "", broken)

    def _holder_of(self, sub_account: etree._Element) -> _Holder:
        """Whose a sub-account is, by what stands before its first balance."""
        header = etree.Element(str(sub_account.tag))
        header.extend(deepcopy(child) for child in sub_account if local_name(str(child.tag)) not in _ROWS)
        if not self.statement.has_sub_accounts:
            place = f"{self._place}/StmtGnlDtls/SubAcctInd"
            return _Holder(Lei(""), "", InvalidMessage(place, "false", f"true where there is a {_SUB_ACCOUNT}"))
        try:
            validate(header, f"{self._definition}.xsd")
            fields = _fields(header)
            owner, account = _owner(fields), fields["SfkpgAcct/Id"]
            active = fields["ActvtyInd"] == "true" and self.statement.has_activity
        except InvalidInput as broken:
            return _Holder(Lei(""), "", self._placed(broken, _SUB_ACCOUNT))
        if not active:
            place = f"{self._place}/{_SUB_ACCOUNT}/ActvtyInd"
            return _Holder(owner, account, InvalidMessage(place, "false", "true where there is a balance"))
        return _Holder(owner, account)

    def _apart(self, sub_account: etree._Element, holder: _Holder) -> Iterator[BadRow]:
        """A sub-account without balances: nothing to tell, unless what it says of itself is wrong."""
        if holder.broken is not None and not holder.broken.field.endswith("/ActvtyInd"):
            yield BadRow.of(_line(sub_account), holder.broken)

    def _require_end(self, last: etree._Element | None) -> None:
        """Nothing follows the balances."""
        if last is not None and self._report[-1] is not last:
            name = shown(local_name(str(self._report[-1].tag)))
            raise InvalidMessage(f"{self._place}/{name}", "", "not in Lockstep's usage guideline after the balances")

    def _require_whole(self) -> None:
        document = self._report.getparent()
        assert document is not None
        root = self._report.getroottree().getroot()
        if len(document) != 1 or (root is not document and len(root) != 2):
            raise InvalidMessage("Document", "", f"one {HOLDINGS_TYPES[self._definition]}, and nothing after it")

    # --- a balance

    def _row(self, element: etree._Element, holder: _Holder) -> LegacyPosition | BadRow:
        line, name = _line(element), local_name(str(element.tag))
        if holder.broken is not None:
            return BadRow.of(line, holder.broken)
        try:
            validate(element, f"{self._definition}.xsd")
            return self._position(_fields(element), holder, line)
        except InvalidInput as broken:
            return BadRow.of(line, self._placed(broken, name))

    def _position(self, fields: Fields, holder: _Holder, line: int) -> LegacyPosition:
        custody = self._definition == "semt.002.001.11"
        kind, quantity = _quantity(fields, "AggtBal/Qty/Qty/Qty")
        available = None
        if "AvlblBal" in fields:
            if fields.get("AvlblBal/ShrtLngInd", "LONG") != "LONG":
                raise InvalidMessage("AvlblBal/ShrtLngInd", "SHOR", "LONG: what is short is not available")
            available = _like(fields, "AvlblBal/Qty/Qty", kind)
        parts = []
        for path in fields.each("BalBrkdwn"):
            if fields.get(f"{path}/Qty/ShrtLngInd", "LONG") != "LONG":
                raise InvalidMessage(f"{path}/Qty/ShrtLngInd", "SHOR", "LONG: a part of what is held")
            held = _like(fields, f"{path}/Qty/Qty/Qty" if custody else f"{path}/Qty/Qty", kind)
            parts.append(SubBalance(code=fields[f"{path}/SubBalTp/Cd"], quantity=held))
        short = fields["AggtBal/ShrtLngInd"] == "SHOR"
        if short and not quantity.value:
            raise InvalidMessage("AggtBal/ShrtLngInd", "SHOR", "LONG for zero")
        return LegacyPosition(
            line=line,
            as_of=self.statement.as_of,
            owner=holder.owner,
            account=holder.account,
            isin=fields.isin("FinInstrmId/ISIN"),
            quantity=quantity,
            short=short,
            quantity_type=kind,
            available=available,
            parts=tuple(parts),
        )

    def _placed(self, broken: InvalidInput, name: str) -> InvalidMessage:
        """A refusal with the field's whole path, whichever part was judged."""
        at = broken.field.find(f"{self._place.partition('/')[2]}/")
        if at >= 0:
            return InvalidMessage(f"Document/{broken.field[at:]}", broken.value, broken.rule)
        parts = [self._place, *([_SUB_ACCOUNT] if name == "BalForSubAcct" else []), name, broken.field]
        return InvalidMessage("/".join(part for part in parts if part), broken.value, broken.rule)

    # --- what is read is let go

    def _drop_before(self, element: etree._Element, last: etree._Element | None) -> None:
        """What stands before a balance is the header, or the balance that was read last."""
        before = element.getprevious()
        expected = last if last is not None else self._report[self._kept - 1]
        if before is not expected:
            name = shown(local_name(str(before.tag))) if before is not None else ""
            raise InvalidMessage(f"{self._place}/{name}", "", "not in Lockstep's usage guideline between balances")
        if last is not None:
            self._report.remove(last)

    def _drop_like(self, element: etree._Element, sub_account: etree._Element) -> None:
        """The balance that was read last goes when the next begins: until then libxml2 works at its end."""
        before = element.getprevious()
        if before is not None and before.tag == element.tag:
            sub_account.remove(before)

    def _require_end_of(self, sub_account: etree._Element) -> None:
        """Nothing stands between its balances or follows them, else more than the last of them would be there."""
        names = [local_name(str(child.tag)) for child in sub_account]
        if "BalForSubAcct" in names and (len(names) > names.index("BalForSubAcct") + 1 or len(names) > 4):
            at = f"{self._place}/{_SUB_ACCOUNT}/{shown(names[-1])}"
            raise InvalidMessage(at, "", "not in Lockstep's usage guideline between or after balances")


def _tags(root: str) -> tuple[str, ...]:
    return (root, *_ROWS, _SUB_ACCOUNT)


def _line(element: etree._Element) -> int:
    line: int = element.sourceline or 0  # type: ignore[assignment,unreachable]  # the stubs give no type
    if line < _BIG_LINE:
        return line
    first: etree._Element | None = element
    while first is not None and first.text is None:
        first = first[0] if len(first) else None
    return line if first is None else line - (first.text or "").count("\n")


def _fields(element: etree._Element) -> Fields:
    fields = Fields()
    _walk(element, "", fields)
    return fields


def _walk(element: etree._Element, path: str, into: Fields) -> None:
    seen: dict[str, int] = {}
    for child in element:
        name = str(child.tag).rpartition("}")[2]
        seen[name] = number = seen.get(name, 0) + 1
        name = f"{path}{name}[{number}]" if number > 1 else f"{path}{name}"
        if len(child):
            into[name] = ""
            _walk(child, f"{name}/", into)
        else:
            into[name] = child.text or ""


def _owner(fields: Fields) -> Lei:
    fields.bic("AcctOwnr/Id/AnyBIC")
    if "AcctSvcr" in fields:
        fields.bic("AcctSvcr/Id/AnyBIC")
    return fields.lei("AcctOwnr/LEI")


def _quantity(fields: Fields, at: str) -> tuple[QuantityType, Quantity]:
    kind = QuantityType.UNIT if f"{at}/Unit" in fields else QuantityType.FACE_AMOUNT
    return kind, fields.quantity(f"{at}/{kind.value}")


def _like(fields: Fields, at: str, kind: QuantityType) -> Quantity:
    """A quantity that counts as the whole does."""
    found, quantity = _quantity(fields, at)
    if found is not kind:
        raise InvalidMessage(f"{at}/{found.value}", quantity, f"{kind.value}, as AggtBal")
    return quantity
