"""Bad input is refused with the field, the value and the rule; each refusal stands beside what passes."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

import pytest

from lockstep.domain.errors import InvalidInput, InvalidMessage
from lockstep.domain.identifiers import Bic, Lei, Reference
from lockstep.domain.instruction import AdviceStatus, Instruction, StatusAdvice
from lockstep.domain.message import Message
from lockstep.domain.money import Money, Quantity
from lockstep.domain.payment import PaymentReport
from lockstep.iso20022 import peek, read, require_value_date, write
from lockstep.iso20022.validation import MAXIMUM_BYTES

GOLDEN = Path(__file__).parents[2] / "golden"
ISO = "urn:iso:std:iso:20022:tech:xsd:"


def golden(name: str) -> str:
    return (GOLDEN / f"{name}.written.xml").read_text()


SESE, PACS = golden("sese.023.001.11"), golden("pacs.009.001.08")
ORDER = "Document/SctiesSttlmTxInstr"
TRANSFER = "Document/FICdtTrf/CdtTrfTxInf"
REPORT = "Document/FIToFIPmtStsRpt/TxInfAndSts"
CUSTOMERS = "Document/FIToFICstmrCdtTrf/CdtTrfTxInf"
STATEMENT = "Document/BkToCstmrStmt/Stmt"
COUNTRY = "a country of ISO 3166-1 at its fifth character, not {} (ISO 9362)"
INSTANT = "an instant in whole seconds with Z or an offset, as 2026-03-02T14:30:00Z"
CREATION = "an instant with Z or an offset, as 2026-03-02T14:30:00Z"
NUMBER = "a plain decimal number without sign, at most 18 digits, at most 5 of them decimals"
DAY = "a day of the calendar as YYYY-MM-DD, without time zone"


def refusal(data: bytes | str) -> tuple[str, str, str]:
    with pytest.raises(InvalidMessage) as refused:
        read(data.encode() if isinstance(data, str) else data)
    return refused.value.field, refused.value.value, refused.value.rule


# Each changes one text of a golden message that reads well.
CHANGES = {
    "LEI check digits": (
        "sese.023.001.11", "9845ALDERBANK0000177<", "9845ALDERBANK0000178<",
        f"{ORDER}/DlvrgSttlmPties/Pty1/LEI", "9845ALDERBANK0000178", "check digits should be 77 (ISO 17442)",
    ),
    "LEI form": (
        "sese.023.001.11", "9845ALDERBANK0000177<", "9845alderbank0000177<",
        f"{ORDER}/DlvrgSttlmPties/Pty1/LEI", "9845alderbank0000177",
        "eighteen letters or digits and two check digits (ISO 17442)",
    ),
    "BIC": (
        "sese.023.001.11", "BRCHFRPP<", "BRCHFRP<", f"{ORDER}/RcvgSttlmPties/Pty1/Id/AnyBIC", "BRCHFRP",
        "four characters, a country, two characters, optionally three (ISO 9362)",
    ),
    "ISIN check digit": (
        "sese.023.001.11", "BE000LKSTB01", "BE000LKSTB02", f"{ORDER}/FinInstrmId/ISIN", "BE000LKSTB02",
        "check digit should be 1 (ISO 6166)",
    ),
    "decimals of the euro": (
        "sese.023.001.11", "4987512.50", "4987512.501", f"{ORDER}/SttlmAmt/Amt", "4987512.501",
        "at most 2 decimals for EUR",
    ),
    "decimals of the yen": (
        "sese.023.001.11.shares", "3601500", "100.5", f"{ORDER}/SttlmAmt/Amt", "100.5", "at most 0 decimals for JPY",
    ),
    "decimals of a payment": (
        "pacs.009.001.08", 'Ccy="EUR">4987512.50', 'Ccy="JPY">4987512.50', f"{TRANSFER}/IntrBkSttlmAmt", "4987512.50",
        "at most 0 decimals for JPY",
    ),
    "unknown currency": (
        "sese.023.001.11", '"EUR"', '"XTS"', f"{ORDER}/SttlmAmt/Amt/@Ccy", "XTS", "a currency (ISO 4217)",
    ),
    "currency form": (
        "sese.023.001.11", '"EUR"', '"eur"', f"{ORDER}/SttlmAmt/Amt/@Ccy", "eur", "three letters (ISO 4217)",
    ),
    "no currency": ("sese.023.001.11", ' Ccy="EUR"', "", f"{ORDER}/SttlmAmt/Amt/@Ccy", "", "is required"),
    "an attribute": (
        "sese.023.001.11", 'Ccy="EUR"', 'Ccy="EUR" Rate="1"', f"{ORDER}/SttlmAmt/Amt/@Rate", "1",
        "not in Lockstep's usage guideline",
    ),
    "negative": ("sese.023.001.11", ">4987512.50", ">-1", f"{ORDER}/SttlmAmt/Amt", "-1", NUMBER),
    "exponent": ("sese.023.001.11", ">4987512.50", ">1e3", f"{ORDER}/SttlmAmt/Amt", "1e3", NUMBER),
    "no cash": (
        "sese.023.001.11", ">4987512.50", ">0.00", f"{ORDER}/SttlmAmt/Amt", "0.00 EUR",
        "greater than zero: against payment only",
    ),
    "no quantity": (
        "sese.023.001.11", ">5000000", ">0", f"{ORDER}/QtyAndAcctDtls/SttlmQty/Qty", "0", "greater than zero",
    ),
    "decimals of a face amount": (
        "sese.023.001.11", ">5000000", ">1.000001", f"{ORDER}/QtyAndAcctDtls/SttlmQty/Qty/FaceAmt", "1.000001",
        "at most 5 decimals",
    ),
    "reference": (
        "sese.023.001.11", "ALDER-2026/00017", "ALDER//17", f"{ORDER}/TxId", "ALDER//17",
        "1 to 35 letters, digits or /-?:().,'+ , no slash at an end, no double slash",
    ),
    "long reference": (
        "sese.023.001.11", "ALDER-2026/00017", "A" * 36, f"{ORDER}/TxId", "A" * 36, "at most 35 characters",
    ),
    "direction of the cash": (
        "sese.023.001.11", "CRDT", "DBIT", f"{ORDER}/SttlmAmt/CdtDbtInd", "DBIT",
        "CRDT: who delivers is credited, who receives is debited",
    ),
    "with itself": (
        "sese.023.001.11", "9845BIRCHBANK0000271", "9845ALDERBANK0000177", f"{ORDER}/RcvgSttlmPties/Pty1/LEI",
        "9845ALDERBANK0000177", "another party than the deliverer",
    ),
    "own processing id": (
        "sese.023.001.11", "0000177</LEI>", "0000177</LEI><PrcgId>OWN</PrcgId>", f"{ORDER}/DlvrgSttlmPties/Pty1/PrcgId",
        "OWN", "not for the instructing party: its reference is TxId",
    ),
    "no day": (
        "sese.023.001.11", "2026-03-04<", "2026-02-30<", f"{ORDER}/TradDtls/SttlmDt/Dt/Dt", "2026-02-30", DAY,
    ),
    "a day with a zone": (
        "sese.023.001.11", "2026-03-04<", "2026-03-04Z<", f"{ORDER}/TradDtls/SttlmDt/Dt/Dt", "2026-03-04Z", DAY,
    ),
    "before the trade": (
        "sese.023.001.11", "2026-03-04<", "2026-03-01<", f"{ORDER}/TradDtls/SttlmDt/Dt/Dt", "2026-03-01",
        "not before the trade date",
    ),
    "missing": (
        "sese.023.001.11", "<Pmt>APMT</Pmt>", "", f"{ORDER}/SttlmTpAndAddtlParams/Pmt", "", "is required",
    ),
    "missing before another": (
        "sese.023.001.11", "<FinInstrmId><ISIN>BE000LKSTB01</ISIN></FinInstrmId>", "", f"{ORDER}/QtyAndAcctDtls", "",
        "not in Lockstep's usage guideline, which takes FinInstrmId here",
    ),
    "twice": (
        "sese.023.001.11", "</TxId>", "</TxId><TxId>B</TxId>", f"{ORDER}/TxId[2]", "B", "once only",
    ),
    "foreign namespace": (
        "sese.023.001.11", "<ISIN>", '<ISIN xmlns="urn:x">', f"{ORDER}/FinInstrmId/ISIN", "BE000LKSTB01",
        "in the message's own namespace",
    ),
    "text between": ("sese.023.001.11", "<TradDtls>", "<TradDtls>x", f"{ORDER}/TradDtls", "", "elements and no text"),
    "elements within text": (
        "sese.023.001.11", "BE000LKSTB01", "<b/>", f"{ORDER}/FinInstrmId/ISIN", "", "text and no elements",
    ),
    "xsi:type": (
        "sese.023.001.11", "<TxId>",
        f'<TxId xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:d="{ISO}sese.023.001.11" '
        'xsi:type="d:PartyReference">',
        f"{ORDER}/TxId/@xsi:type", "d:PartyReference", "not in a message",
    ),
    "another depository": (
        "sese.023.001.11", "LSTPBEBB</AnyBIC>", "LSTPBEB2</AnyBIC>", f"{ORDER}/DlvrgSttlmPties/Dpstry/Id/AnyBIC",
        "LSTPBEB2", "LSTPBEBB: the same as AppHdr/To",
    ),
    "creation without zone": (
        "sese.023.001.11", "2026-03-02T09:15:30Z", "2026-03-02T09:15:30", "AppHdr/CreDt", "2026-03-02T09:15:30",
        CREATION,
    ),
    "creation before the calendar": (
        "sese.023.001.11", "2026-03-02T09:15:30Z", "0001-01-01T00:00:00+14:00", "AppHdr/CreDt",
        "0001-01-01T00:00:00+14:00", "an instant of the calendar: date value out of range",
    ),
    "version": (
        "sese.023.001.11", "sese.023.001.11", "sese.023.001.09", "Document/@xmlns", "sese.023.001.09",
        "version sese.023.001.11 is taken",
    ),
    "header's version": (
        "sese.023.001.11", "head.001.001.02", "head.001.001.01", "AppHdr", f"{{{ISO}head.001.001.01}}AppHdr",
        f"a business header of {ISO}head.001.001.02 comes first",
    ),
    "header and document": (
        "sese.023.001.11", "<MsgDefIdr>sese.023.001.11", "<MsgDefIdr>sese.024.001.12", "AppHdr/MsgDefIdr",
        "sese.024.001.12", "sese.023.001.11, as the document's namespace says",
    ),
    "message id": (
        "pacs.009.001.08", "<MsgId>LSTP-PAY-1", "<MsgId>LSTP-PAY-2", "Document/FICdtTrf/GrpHdr/MsgId", "LSTP-PAY-2",
        "LSTP-PAY-1: the same as AppHdr/BizMsgIdr",
    ),
    "assigner": (
        "camt.056.001.08", "<Assgnr><Agt><FinInstnId><BICFI>LSTPBEBB", "<Assgnr><Agt><FinInstnId><BICFI>EVILBEBB",
        "Document/FIToFIPmtCxlReq/Assgnmt/Assgnr/Agt/FinInstnId/BICFI", "EVILBEBB", "LSTPBEBB: the same as AppHdr/Fr",
    ),
    "two statuses": (
        "camt.029.001.09", "ACCR", "RJCR", "Document/RsltnOfInvstgtn/CxlDtls/TxInfAndSts/TxCxlSts", "RJCR",
        "ACCR: as Sts/Conf says",
    ),
    "issued but credited": (
        "camt.054.001.08", "ICDT", "RCDT", "Document/BkToCstmrDbtCdtNtfctn/Ntfctn/Ntry/BkTxCd/Domn/Fmly/Cd", "RCDT",
        "ICDT: received when credited, issued when debited",
    ),
    "UETR": (
        "pacs.009.001.08", "<UETR>d74d1753-a260-4", "<UETR>d74d1753-a260-1", f"{TRANSFER}/PmtId/UETR",
        "d74d1753-a260-167a-9f5c-40b82dec13e0", "a version-4 UUID in lower case",
    ),
    "remittance": (
        "pacs.009.001.08", "/LSTP/3c", "/LSTP/3C", f"{TRANSFER}/RmtInf/Ustrd",
        "/LSTP/3C1f8e0a9b7d42c6a5e1907f6b3d8c24e0f79a5b1d6c83427e9a0b5f4c2d1e68/0f1e2d3c4b5a69788796a5b4c3d2e1f0",
        "/LSTP/<64 hex digits of the settlement>/<32 hex digits of the salt>",
    ),
    "deadline without zone": (
        "pacs.009.001.08", "16:00:00Z<", "16:00:00<", f"{TRANSFER}/SttlmTmReq/RjctTm", "16:00:00",
        "a time of the day in whole seconds with Z or an offset, as 14:30:00Z",
    ),
    "deadline on another day": (
        "pacs.009.001.08", "16:00:00Z<", "01:00:00+02:00<", f"{TRANSFER}/SttlmTmReq/RjctTm",
        "2026-03-03 23:00:00+00:00", "an instant of the settlement date, in UTC",
    ),
    "reported deadline on another day": (
        "pacs.002.001.10", "2026-03-04T16", "2026-03-05T16", f"{REPORT}/SplmtryData/Envlp/Payment/RjctDtTm",
        "2026-03-05 16:00:00+00:00", "an instant of the settlement date, in UTC",
    ),
    "reported zero": (
        "pacs.002.001.10", ">4987512.50", ">0", f"{REPORT}/OrgnlTxRef/IntrBkSttlmAmt", "0.00 EUR", "greater than zero",
    ),
    "decided without zone": (
        "pacs.002.001.10", "2026-03-04T14:30:00Z", "2026-03-04T14:30:00", f"{REPORT}/AccptncDtTm",
        "2026-03-04T14:30:00", INSTANT,
    ),
    "unknown status": (
        "pacs.002.001.10", "ACSC", "ACTC", f"{REPORT}/TxSts", "ACTC", "one of ACSP, PDNG, ACSC, RJCT, CANC",
    ),
    "country of a BIC": (
        "pacs.009.001.08", "<Cdtr><FinInstnId><BICFI>ALDRDEFFXXX", "<Cdtr><FinInstnId><BICFI>ALDRQQFFXXX",
        f"{TRANSFER}/Cdtr/FinInstnId/BICFI", "ALDRQQFFXXX", COUNTRY.format("QQ"),
    ),
    "country of the sender": (
        "admi.004.001.02", "RTGSBEBB", "RTGSQQBB", "AppHdr/Fr/FIId/FinInstnId/BICFI", "RTGSQQBB", COUNTRY.format("QQ"),
    ),
    "IBAN check digits": (
        "pacs.008.001.08", "DE89370400440532013000", "DE98370400440532013000",
        f"{CUSTOMERS}/DbtrAcct/Id/IBAN", "DE98370400440532013000", "check digits should be 89 (ISO 13616)",
    ),
    "IBAN length": (
        "pacs.008.001.08", "DE89370400440532013000", "DE8937040044053201300",
        f"{CUSTOMERS}/DbtrAcct/Id/IBAN", "DE8937040044053201300", "22 characters in DE (ISO 13616)",
    ),
    "IBAN country": (
        "pacs.008.001.08", "DE89370400440532013000", "JP89370400440532013000",
        f"{CUSTOMERS}/DbtrAcct/Id/IBAN", "JP89370400440532013000", "a country that has IBANs, not JP (ISO 13616)",
    ),
    "decimals of the dinar": (
        "pacs.009.001.08.transfer", ">1000.125<", ">1000.1255<", f"{TRANSFER}/IntrBkSttlmAmt", "1000.1255",
        "at most 3 decimals for KWD",
    ),
    "control sum": (
        "pacs.009.001.08", "<SttlmInf>", "<CtrlSum>4987512.51</CtrlSum><SttlmInf>",
        "Document/FICdtTrf/GrpHdr/CtrlSum", "4987512.51", "4987512.50, the sum of the amounts",
    ),
    "total": (
        "pacs.004.001.09", "<SttlmInf>", '<TtlRtrdIntrBkSttlmAmt Ccy="USD">1250.50</TtlRtrdIntrBkSttlmAmt><SttlmInf>',
        "Document/PmtRtr/GrpHdr/TtlRtrdIntrBkSttlmAmt", "1250.50 USD", "1250.50 EUR, the sum of the amounts",
    ),
    "more back than came": (
        "pacs.004.001.09", '<RtrdIntrBkSttlmAmt Ccy="EUR">1250.50', '<RtrdIntrBkSttlmAmt Ccy="EUR">1250.51',
        "Document/PmtRtr/TxInf/RtrdIntrBkSttlmAmt", "1250.51 EUR", "at most the original's 1250.50 EUR",
    ),
    "two priorities": (
        "pacs.008.001.08", "<IntrBkSttlmAmt", "<PmtTpInf><InstrPrty>NORM</InstrPrty></PmtTpInf><IntrBkSttlmAmt",
        f"{CUSTOMERS}/PmtTpInf/InstrPrty", "NORM", "as urgent as SttlmPrty HIGH",
    ),
    "start after the end": (
        "pacs.009.001.08.urgent", "<FrTm>09:00:00Z", "<FrTm>16:00:01Z", f"{TRANSFER}/SttlmTmReq/FrTm",
        "2026-03-04 16:00:01+00:00", "not after SttlmTmReq/RjctTm",
    ),
    "a settlement's other payment": (
        "pacs.002.001.10", "pacs.009.001.08</OrgnlMsgNmId>", "pacs.008.001.08</OrgnlMsgNmId>",
        f"{REPORT}/OrgnlGrpInf/OrgnlMsgNmId", "pacs.008.001.08", "pacs.009.001.08: what pays for a settlement",
    ),
    "half a settlement": (
        "camt.029.001.09.recall", "</TxInfAndSts>",
        f"<OrgnlTxRef><RmtInf><Ustrd>/LSTP/{'0' * 64}/{'0' * 32}</Ustrd></RmtInf></OrgnlTxRef></TxInfAndSts>",
        "Document/RsltnOfInvstgtn/CxlDtls/TxInfAndSts/OrgnlTxRef", "", "only for a settlement, with SplmtryData",
    ),
    "count of entries": (
        "camt.053.001.08", "<NbOfNtries>2<", "<NbOfNtries>3<", f"{STATEMENT}/TxsSummry/TtlNtries/NbOfNtries", "3",
        "2, as the entries are",
    ),
    "sum of debits": (
        "camt.053.001.08", "<Sum>1250.50<", "<Sum>1250.51<", f"{STATEMENT}/TxsSummry/TtlDbtNtries/Sum", "1250.51",
        "1250.50, as the entries are",
    ),
    "closing balance": (
        "camt.053.001.08", ">4985262.00<", ">4985262.01<", f"{STATEMENT}/Bal[2]/Amt", "4985262.01 EUR",
        "4985262.00 EUR: the opening balance and the entries",
    ),
    "an entry's currency": (
        "camt.053.001.08", '<Ntry><Amt Ccy="EUR">1250.50', '<Ntry><Amt Ccy="USD">1250.50',
        f"{STATEMENT}/Ntry[2]/Amt/@Ccy", "USD", "EUR, the account's",
    ),
    "an entry twice wrong": (
        "camt.053.001.08", "<AcctSvcrRef>33<", "<AcctSvcrRef>033<", f"{STATEMENT}/Ntry[2]/AcctSvcrRef", "033",
        "a whole number of at most 18 digits, no leading zero",
    ),
    "opening of a later page": (
        "camt.053.001.08.page", "<PgNb>2<", "<PgNb>1<", f"{STATEMENT}/Bal/Tp/SubTp", "INTM",
        "INTM within a statement of several pages, and nothing at its beginning and end",
    ),
    "count of payments": (
        "camt.006.001.08", "<NbOfNtries>2<", "<NbOfNtries>1<", "Document/RtrTx/RptOrErr/BizRpt/TxsSummry/NbOfNtries",
        "1", "2: as many as there are",
    ),
    "sum of payments": (
        "camt.006.001.08", "<Sum>4988762.50<", "<Sum>1<", "Document/RtrTx/RptOrErr/BizRpt/TxsSummry/Sum", "1",
        "4988762.50, the sum of the amounts",
    ),
    "no criterion": (
        "camt.005.001.08", "<PmtId><PrtryId>d74d1753-a260-467a-9f5c-40b82dec13e0</PrtryId></PmtId>", "",
        "Document/GetTx/TxQryDef/TxCrit/NewCrit/SchCrit", "", "at least one criterion",
    ),
    "a duplicate perhaps": (
        "camt.050.001.05", "<PssblDplct>true", "<PssblDplct>maybe", "AppHdr/PssblDplct", "maybe", "true or false",
    ),
    "unknown reason": (
        "sese.024.001.12", "MONY", "ZZZZ", "Document/SctiesSttlmTxStsAdvc/SttlmSts/Pdg/Rsn/Cd/Cd", "ZZZZ",
        "one of AWMO, AWSH, BLOC, BOTH, CAIS, CDLR, CLAC, CLHT, DISA, FROZ, FUTU, INCA, LAAW, LACK, LALO, LATE, LINK,"
        " LIQU, MONY, NCON, NEWI, OTHR, PART, PRCY, PREA, PRSY, REFU, SBLO",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_one_wrong_text_is_refused(name: str) -> None:
    file, old, new, *expected = CHANGES[name]
    right = golden(file)
    read(right.encode())
    assert old in right
    assert refusal(right.replace(old, new)) == tuple(expected)


LAUGHS = '<!DOCTYPE B [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
EXTERNAL = '<!DOCTYPE B [<!ENTITY a SYSTEM "file:///etc/hostname">]>'
REMOTE = '<!DOCTYPE B SYSTEM "http://127.0.0.1:9/x.dtd">'


@pytest.mark.parametrize("declaration", [LAUGHS, EXTERNAL, REMOTE], ids=["laughs", "external", "remote"])
def test_document_types_are_refused_by_name(declaration: str) -> None:
    bad = SESE.replace("?>", f"?>{declaration}").replace("ALDER-2026/00017", "&a;")
    field, value, rule = refusal(bad)
    assert (field, rule) == ("XML/DOCTYPE", "no document type declaration, hence no entities")
    assert value == declaration[:60]
    assert peek(bad.encode()) is None


def test_undeclared_entity_is_malformed() -> None:
    field, value, rule = refusal(SESE.replace("ALDER-2026/00017", "&evil;"))
    assert (field, rule) == ("XML", "well-formed XML (Entity 'evil' not defined)")
    assert value.startswith("line 2, column ")


@pytest.mark.parametrize(
    ("data", "field", "value", "rule"),
    [
        (b"", "XML", "line 1, column 1", "well-formed XML (Document is empty)"),
        (b"\x00\x01\x02", "XML", "line 1, column 1", "well-formed XML (Document is empty)"),
        (SESE.encode("utf-16"), "XML", "ff fe 3c 00", "UTF-8"),
        (SESE.encode("utf-16-le"), "XML", "3c 00 3f 00", "UTF-8"),
        (SESE.encode("utf-16-be"), "XML", "00 3c 00 3f", "UTF-8"),
        (SESE.encode("utf-32"), "XML", "ff fe 00 00", "UTF-8"),
        (SESE.replace("UTF-8", "ISO-8859-1").encode(), "XML/@encoding", "ISO-8859-1", "UTF-8"),
        (SESE.replace("UTF-8", "UTF-7").encode(), "XML/@encoding", "UTF-7", "UTF-8"),
        (
            SESE.encode() + b" " * MAXIMUM_BYTES,
            "XML",
            f"{len(SESE.encode()) + MAXIMUM_BYTES} bytes",
            "at most 1048576 bytes",
        ),
        (b"<a/>", "a", "a", "the root is BizMsg of urn:lockstep:bizmsg:1"),
        (
            f'<Document xmlns="{ISO}sese.023.001.11"/>'.encode(),
            "Document",
            f"{{{ISO}sese.023.001.11}}Document",
            "the root is BizMsg of urn:lockstep:bizmsg:1",
        ),
        (
            b'<BizMsg xmlns="urn:lockstep:bizmsg:1"/>',
            "AppHdr",
            "",
            f"a business header of {ISO}head.001.001.02 comes first",
        ),
        (
            SESE.replace("</BizMsg>", '<Document xmlns="x"/></BizMsg>').encode(),
            "Document",
            "Document, Document",
            "exactly one, after the header",
        ),
    ],
)
def test_what_is_no_message_is_refused(data: bytes, field: str, value: str, rule: str) -> None:
    assert refusal(data) == (field, value, rule)
    peek(data)


@pytest.mark.parametrize(
    "data", [SESE[:900], SESE.replace("</TxId>", ""), "<a>" * 5000, SESE.replace("ALDER-", "\x00")]
)
def test_malformed_is_refused_with_its_place(data: str) -> None:
    field, value, rule = refusal(data)
    assert field == "XML"
    assert value.startswith("line ")
    assert rule.startswith("well-formed XML (")


def test_what_is_made_to_be_slow_is_refused_soon() -> None:
    many = " ".join(f"a{number}='1'" for number in range(60_000))
    assert refusal(SESE.replace("<TxId>", f"<TxId {many}>")) == (
        f"{ORDER}/TxId",
        "60000 attributes",
        "not in Lockstep's usage guideline",
    )
    field, value, rule = refusal(SESE.replace("BE000LKSTB01", "B" * 1_000_000))
    assert (field, len(value), rule) == (f"{ORDER}/FinInstrmId/ISIN", 210, "a far shorter value")


def test_bytes_that_are_not_utf_8_are_refused() -> None:
    field, _, rule = refusal(SESE.replace("ALDER-", "\u00e9").encode("latin-1"))
    assert field == "XML"
    assert rule.startswith("well-formed XML (")


def test_a_refusal_is_short_whatever_was_sent() -> None:
    name = "x" * 40_000
    for bad in (
        SESE.replace("<AppHdr", "<AppHdr/>" * 5000 + "<AppHdr"),
        SESE.replace("</BizMsg>", "<a/>" * 5000 + "</BizMsg>"),
        f"<{name}/>",
        SESE.replace("<TxId>", f"<{name}/><TxId>"),
        SESE.replace("sese.023.001.11", name),
        SESE.replace("<BizMsg ", f"<BizMsg {name}='{name}' "),
    ):
        assert len(" ".join(refusal(bad))) < 1500


def test_what_changes_nothing_is_taken(tmp_path: Path) -> None:
    message = read(SESE.encode())
    schema = tmp_path / "x.xsd"
    location = (
        f'<Document xmlns:i="http://www.w3.org/2001/XMLSchema-instance" i:schemaLocation="urn:x {schema.as_uri()}" '
    )
    for same in (
        "\ufeff" + SESE,
        SESE.partition("\n")[2],
        SESE.replace("?>", "?><!-- a comment --><?target instruction?>"),
        SESE.replace("<TxId>", "<TxId><!-- -->"),
        SESE.replace("<Document ", location),
        SESE.replace("4987512.50", "004987512.5"),
        SESE.replace("2026-03-02T09:15:30Z", "2026-03-02T18:15:30.999+09:00"),
        SESE.replace("</CreDt>", "</CreDt><PssblDplct>false</PssblDplct>"),
    ):
        assert read(same.encode()) == message


def test_peek_answers_for_what_read_refuses() -> None:
    for bad in (SESE.replace("0000177</LEI>", "0000178</LEI>"), SESE[:1000], SESE.replace("023.001.11", "023.001.09")):
        with pytest.raises(InvalidMessage):
            read(bad.encode())
        header = peek(bad.encode())
        assert header is not None
        assert (header.sender, header.message_id) == ("ALDRDEFFXXX", "ALDR20260302000017")
        assert header.reference == "ALDER-2026/00017"
        assert header.side is not None
    assert peek(b"") is None
    assert peek(SESE.replace("ALDRDEFFXXX", "?").encode()) is None


# Writing is judged by the same schemas.


def written(message: Message[object]) -> tuple[str, str, str]:
    with pytest.raises(InvalidMessage) as refused:
        write(message)
    return refused.value.field, refused.value.value, refused.value.rule


def order(**changes: object) -> Message[object]:
    message = read(SESE.encode())
    assert isinstance(message.body, Instruction)
    return replace(message, body=replace(message.body, **changes))


def test_written_values_are_judged() -> None:
    assert written(order(reference=Reference("no spaces"))) == (
        f"{ORDER}/TxId",
        "no spaces",
        "1 to 35 letters, digits or /-?:().,'+ , no slash at an end, no double slash",
    )
    assert written(order(quantity=Quantity(value=1_000_001, scale=6))) == (
        f"{ORDER}/QtyAndAcctDtls/SttlmQty/Qty/FaceAmt",
        "1.000001",
        "at most 5 decimals",
    )
    huge = Money(currency="EUR", amount=10**19 + 1)
    assert written(order(cash=huge))[0] == f"{ORDER}/SttlmAmt/Amt"
    assert written(replace(order(), sender=Bic("short")))[:2] == ("AppHdr/Fr/FIId/FinInstnId/BICFI", "short")
    assert written(order(reference=Reference("\x00")))[0] == "XML"
    assert written(order(reference=Reference("\ud800"))) == ("XML", "'\\ud800'", "characters that UTF-8 can carry")


def test_written_times_are_utc_in_whole_seconds() -> None:
    moment = datetime(2026, 3, 4, 9, 0, tzinfo=timezone(timedelta(hours=9)))
    assert b"<CreDt>2026-03-04T00:00:00Z</CreDt>" in write(replace(order(), created=moment))
    naive = moment.replace(tzinfo=None)
    assert written(replace(order(), created=naive)) == ("AppHdr/CreDt", "2026-03-04T09:00:00", CREATION)
    fraction = datetime(2026, 3, 4, 9, 0, 0, 5, tzinfo=UTC)
    assert written(replace(order(), created=fraction)) == ("AppHdr/CreDt", str(fraction), "whole seconds")
    report = read(golden("pacs.002.001.10").encode())
    assert isinstance(report.body, PaymentReport)
    assert written(replace(report, body=replace(report.body, decided_at=fraction))) == (
        f"{REPORT}/AccptncDtTm",
        "2026-03-04T09:00:00.000005Z",
        INSTANT,
    )
    other = replace(report.body, uetr="267a04bc-f51a-4684-b303-91665bba87de")
    assert written(replace(report, body=other)) == (f"{REPORT}/OrgnlUETR", other.uetr, "the payment's own UETR")


def test_reasons_have_codes() -> None:
    message = read(golden("sese.024.001.12").encode())
    assert isinstance(message.body, StatusAdvice)
    words_only = replace(message.body, reason_code=None)
    assert written(replace(message, body=words_only)) == (
        "Document/SctiesSttlmTxStsAdvc/SttlmSts/Pdg/Rsn/AddtlRsnInf",
        "Account BE-0042 is short of cash & the payment waits",
        "words only beside a reason code",
    )
    matched = replace(message.body, status=AdviceStatus.MATCHED)
    assert written(replace(message, body=matched)) == (
        "Document/SctiesSttlmTxStsAdvc/MtchgSts/Mtchd/Rsn",
        "MONY",
        "a match has no reason code",
    )


def test_words_are_joined_to_one_line() -> None:
    message = read(golden("pacs.002.001.10.rejected").encode())
    assert isinstance(message.body, PaymentReport)
    said = replace(message.body, reason="two\nlines ")
    assert read(write(replace(message, body=said))).body.reason == "two lines "
    assert written(replace(message, body=replace(said, reason="x" * 106))) == (
        f"{REPORT}/StsRsnInf/AddtlInf",
        "x" * 106,
        "at most 105 characters",
    )


def test_written_codes_are_judged() -> None:
    party = replace(order().body.receiver, bic=Bic("BRCHQQPP"))
    assert written(order(receiver=party)) == (
        f"{ORDER}/RcvgSttlmPties/Pty1/Id/AnyBIC",
        "BRCHQQPP",
        COUNTRY.format("QQ"),
    )
    party = replace(order().body.receiver, lei=Lei("9845BIRCHBANK0000272"))
    assert written(order(receiver=party)) == (
        f"{ORDER}/RcvgSttlmPties/Pty1/LEI",
        "9845BIRCHBANK0000272",
        "check digits should be 71 (ISO 17442)",
    )
    transfer = read(golden("pacs.008.001.08").encode())
    customer = replace(transfer.body.creditor, account="FR1420041010050500013M02607")
    assert written(replace(transfer, body=replace(transfer.body, creditor=customer))) == (
        f"{CUSTOMERS}/CdtrAcct/Id/IBAN",
        "FR1420041010050500013M02607",
        "check digits should be 84 (ISO 13616)",
    )


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("pacs.009.001.08", f"{TRANSFER}/IntrBkSttlmDt"),
        ("pacs.009.001.08.transfer", f"{TRANSFER}/IntrBkSttlmDt"),
        ("pacs.008.001.08", f"{CUSTOMERS}/IntrBkSttlmDt"),
        ("camt.050.001.05", "Document/LqdtyCdtTrf/LqdtyCdtTrf/SttlmDt"),
    ],
)
def test_the_value_date_is_the_business_day(name: str, field: str) -> None:
    body = read(golden(name).encode()).body
    day = date(2026, 3, 4)
    require_value_date(body, day)
    require_value_date(body, day - timedelta(days=2), latest=day)
    for business_day, latest, rule in (
        (day + timedelta(days=1), None, "the business day 2026-03-05"),
        (day - timedelta(days=2), day - timedelta(days=1), "from 2026-03-02 to 2026-03-03"),
        (day + timedelta(days=1), day + timedelta(days=4), "from 2026-03-05 to 2026-03-08"),
    ):
        with pytest.raises(InvalidMessage) as refused:
            require_value_date(body, business_day, latest)
        assert (refused.value.field, refused.value.value, refused.value.rule) == (field, "2026-03-04", rule)


def test_what_has_no_value_date_has_none_to_judge() -> None:
    require_value_date(read(golden("camt.056.001.08").encode()).body, date(1999, 1, 1))


def test_what_is_no_body_is_no_message() -> None:
    with pytest.raises(TypeError, match=r"^str is no message body"):
        write(replace(order(), body=Lei("x")))


def test_a_refusal_of_a_message_is_one_of_input() -> None:
    with pytest.raises(InvalidInput, match=r"AppHdr: '' breaks the rule: a business header"):
        read(b'<BizMsg xmlns="urn:lockstep:bizmsg:1"/>')
