"""The custom errors of the contracts as exceptions. Written by `python -m lockstep.chain.binding`: do not edit.

A class has the error's name, its attributes the names of the error's fields (`from` is `from_`, `name` is `name_`), in
the forms that `lockstep.chain.refusals` shows. Where two contracts give one name to two errors, the class
has both forms, and only the fields of the one that was met.
"""

from typing import ClassVar

from lockstep.chain.refusals import ContractRefusal, Field

__all__ = [
    "REFUSALS",
    "ActExpired",
    "ActNotSigned",
    "ActNotTogether",
    "ActUsed",
    "AgentsNotAscending",
    "AgreementExists",
    "AlreadyEnded",
    "AlreadyProposed",
    "AlreadyRegistered",
    "AlreadySucceeded",
    "AlreadyUsed",
    "AmendmentExpired",
    "AnchorerUnchanged",
    "BadAgentCount",
    "BadAsOf",
    "BadPart",
    "BadTerm",
    "BelowNetLimit",
    "ChainChanged",
    "Covered",
    "CycleTooLarge",
    "DayNotLater",
    "DayNotOver",
    "DepthExceeded",
    "DepthTooGreat",
    "DifferentEntity",
    "DuplicateEarmarker",
    "DuplicateRole",
    "ERC20InsufficientAllowance",
    "ERC20InsufficientBalance",
    "ERC20InvalidReceiver",
    "ERC20InvalidSpender",
    "ERC1643InvalidName",
    "ERC1643MissingDocument",
    "ERC2612ExpiredSignature",
    "ERC2612InvalidSigner",
    "ERC7943CannotReceive",
    "ERC7943CannotSend",
    "ERC7943CannotTransfer",
    "ERC7943InsufficientUnfrozenBalance",
    "EmptyAnchor",
    "EmptyDocument",
    "EmptyLei",
    "ExceedsExposure",
    "GroupMismatch",
    "HaircutTooHigh",
    "InDefault",
    "InsufficientClaim",
    "InsufficientCredit",
    "InsufficientEarmark",
    "InsufficientFreeUnits",
    "InsufficientPledge",
    "InvalidSignature",
    "InvalidTerms",
    "InvestorClassNotAllowed",
    "InvestorClassOutOfRange",
    "IssuanceLimitExceeded",
    "JurisdictionNotAllowed",
    "LegOutOfRange",
    "LegWithSelf",
    "LegWithoutQuantity",
    "LengthMismatch",
    "LockByPassed",
    "MalformedProof",
    "MixedEpochs",
    "NetLengthMismatch",
    "NetMismatch",
    "NoDefault",
    "NoQuantity",
    "NoRole",
    "NoSuccessor",
    "NoToken",
    "NonceReserved",
    "NonceUsed",
    "NotActing",
    "NotAgreed",
    "NotAmendable",
    "NotAnchorer",
    "NotAscending",
    "NotConfirmer",
    "NotCovered",
    "NotCurrentEpoch",
    "NotDivisible",
    "NotEarmarker",
    "NotEligible",
    "NotForSale",
    "NotInRole",
    "NotMatured",
    "NotParty",
    "NotPredecessor",
    "NotPresentEpoch",
    "NotProposed",
    "NotRegistered",
    "NotRegistrar",
    "NotRestored",
    "NotSucceeded",
    "NotThisSettlement",
    "NotValued",
    "NothingToRecover",
    "OrderMismatch",
    "PayByBeforeLockBy",
    "PayByTooFar",
    "PledgeExists",
    "ProofNotFromEpoch",
    "ProposalExpired",
    "QuorumNotReached",
    "ReuseExceeded",
    "RolesNotApart",
    "RootDiffers",
    "SaleNotEnded",
    "SameHands",
    "SameParty",
    "SecurityPaused",
    "ShareTooHigh",
    "SizeShrank",
    "StaleValuation",
    "StarvedOfGas",
    "StatusNotReachable",
    "StillOwed",
    "SuccessorAlreadyNamed",
    "TakerNotEligible",
    "TermEnded",
    "TooEarly",
    "TooManyDocuments",
    "TooManyJurisdictions",
    "TooManyTokens",
    "UnbalancedNet",
    "UnfitSuccessor",
    "UnknownAgreement",
    "UnknownJurisdiction",
    "UnknownPledge",
    "UnknownSale",
    "UnsafeQuorum",
    "WithoutLegs",
    "WorthLess",
    "WrongMode",
    "WrongRole",
    "WrongStatus",
    "ZeroAddress",
    "ZeroQuantity",
]


class ActExpired(ContractRefusal):
    """The act came too late."""

    forms: ClassVar = {
        bytes.fromhex("74f06c3f"): (
            Field("party", "address"),
            Field("nonce", "uint256"),
            Field("by", "uint40"),
        ),
    }
    party: str
    nonce: int
    by: int


class ActNotSigned(ContractRefusal):
    """The signature is not the party's over this act, for this contract on this chain."""

    forms: ClassVar = {
        bytes.fromhex("f2ffcaf9"): (
            Field("party", "address"),
            Field("nonce", "uint256"),
        ),
    }
    party: str
    nonce: int


class ActNotTogether(ContractRefusal):
    """The act is to be run with others than these, whose ICollateralRegister-togetherOf is `expected`."""

    forms: ClassVar = {
        bytes.fromhex("dbd8181f"): (
            Field("party", "address"),
            Field("nonce", "uint256"),
            Field("actual", "bytes32"),
            Field("expected", "bytes32"),
        ),
    }
    party: str
    nonce: int
    actual: str
    expected: str


class ActUsed(ContractRefusal):
    """The party used this number before."""

    forms: ClassVar = {
        bytes.fromhex("a4f093da"): (
            Field("party", "address"),
            Field("nonce", "uint256"),
        ),
    }
    party: str
    nonce: int


class AgentsNotAscending(ContractRefusal):
    """Agents must be strictly ascending, which excludes zero and doubles."""

    forms: ClassVar = {
        bytes.fromhex("ff7bd04e"): (
            Field("index", "uint256"),
            Field("previous", "address"),
            Field("agent", "address"),
        ),
    }
    index: int
    previous: str
    agent: str


class AgreementExists(ContractRefusal):
    """Both signed it before."""

    forms: ClassVar = {
        bytes.fromhex("03b3b048"): (Field("agreementId", "bytes32"),),
    }
    agreementId: str


class AlreadyEnded(ContractRefusal):
    """The settlement ended before; nothing was done, and nothing needs doing."""

    forms: ClassVar = {
        bytes.fromhex("859b201d"): (
            Field("settlementId", "bytes32"),
            Field("actual", "uint8"),
            Field("expected", "uint8"),
        ),
    }
    settlementId: str
    actual: int
    expected: int


class AlreadyProposed(ContractRefusal):
    """ParticipantRegistry, SecurityToken, JournalAnchor: The proposal is still open. DvP: A long stop of this
    settlement was proposed; it may be confirmed after `from`."""

    forms: ClassVar = {
        bytes.fromhex("8e94136b"): (
            Field("id", "bytes32"),
            Field("proposer", "address"),
            Field("expires", "uint40"),
        ),
        bytes.fromhex("056ea633"): (
            Field("settlementId", "bytes32"),
            Field("from", "uint40"),
        ),
    }
    id: str
    proposer: str
    expires: int
    settlementId: str
    from_: int


class AlreadyRegistered(ContractRefusal):
    """`wallet` is registered already; a wallet keeps its entity for life."""

    forms: ClassVar = {
        bytes.fromhex("e1a7915c"): (
            Field("wallet", "address"),
            Field("lei", "bytes20"),
        ),
    }
    wallet: str
    lei: str


class AlreadySucceeded(ContractRefusal):
    """`wallet` has its successor, for good."""

    forms: ClassVar = {
        bytes.fromhex("e22c5a47"): (
            Field("wallet", "address"),
            Field("successor", "address"),
        ),
    }
    wallet: str
    successor: str


class AlreadyUsed(ContractRefusal):
    """These parties signed this amendment, or recorded this payment or settlement, before."""

    forms: ClassVar = {
        bytes.fromhex("220f19f5"): (Field("id", "bytes32"),),
    }
    id: str


class AmendmentExpired(ContractRefusal):
    """The amendment came too late."""

    forms: ClassVar = {
        bytes.fromhex("b41a061a"): (
            Field("agreementId", "bytes32"),
            Field("by", "uint40"),
        ),
    }
    agreementId: str
    by: int


class AnchorerUnchanged(ContractRefusal):
    """`anchorer` may anchor already, or may not, as it is wanted."""

    forms: ClassVar = {
        bytes.fromhex("194dda46"): (
            Field("anchorer", "address"),
            Field("allowed", "bool"),
        ),
    }
    anchorer: str
    allowed: bool


class BadAgentCount(ContractRefusal):
    """More than `limit` agents, or none."""

    forms: ClassVar = {
        bytes.fromhex("2a7f8d2a"): (
            Field("actual", "uint256"),
            Field("limit", "uint256"),
        ),
    }
    actual: int
    limit: int


class BadAsOf(ContractRefusal):
    """The valuation is of the future, or not newer than the latest one."""

    forms: ClassVar = {
        bytes.fromhex("b0054c83"): (
            Field("agreementId", "bytes32"),
            Field("asOf", "uint40"),
            Field("after_", "uint40"),
            Field("time", "uint256"),
        ),
    }
    agreementId: str
    asOf: int
    after_: int
    time: int


class BadPart(ContractRefusal):
    """A part moves at least the minimum lot, or all that remains, and never more than that."""

    forms: ClassVar = {
        bytes.fromhex("7f79b522"): (
            Field("settlementId", "bytes32"),
            Field("actual", "uint64"),
            Field("minimumLot", "uint64"),
            Field("remaining", "uint64"),
        ),
    }
    settlementId: str
    actual: int
    minimumLot: int
    remaining: int


class BadTerm(ContractRefusal):
    """The term has ended before it begins, or ends too far away."""

    forms: ClassVar = {
        bytes.fromhex("fdaab6a0"): (
            Field("agreementId", "bytes32"),
            Field("until", "uint40"),
            Field("limit", "uint40"),
        ),
    }
    agreementId: str
    until: int
    limit: int


class BelowNetLimit(ContractRefusal):
    """`party` would give more, or get less, than it signed."""

    forms: ClassVar = {
        bytes.fromhex("0d51f04a"): (
            Field("settlementId", "bytes32"),
            Field("party", "address"),
            Field("token", "address"),
            Field("actual", "int256"),
            Field("expected", "int256"),
        ),
    }
    settlementId: str
    party: str
    token: str
    actual: int
    expected: int


class ChainChanged(ContractRefusal):
    """This chain goes by another id than at the deployment: what is locked can end, nothing new is locked."""

    forms: ClassVar = {
        bytes.fromhex("a46f53fd"): (
            Field("settlementId", "bytes32"),
            Field("actual", "uint256"),
            Field("expected", "uint256"),
        ),
    }
    settlementId: str
    actual: int
    expected: int


class Covered(ContractRefusal):
    """There is no ground: collateral and cash cover, and nothing is due."""

    forms: ClassVar = {
        bytes.fromhex("ce0b0bf8"): (
            Field("agreementId", "bytes32"),
            Field("required", "uint256"),
            Field("covered", "uint256"),
        ),
    }
    agreementId: str
    required: int
    covered: int


class CycleTooLarge(ContractRefusal):
    """More trades, or more places for positions (parties times securities), than `limit`."""

    forms: ClassVar = {
        bytes.fromhex("7540623c"): (
            Field("settlementId", "bytes32"),
            Field("actual", "uint256"),
            Field("limit", "uint256"),
        ),
    }
    settlementId: str
    actual: int
    limit: int


class DayNotLater(ContractRefusal):
    """The journal has a root for `last`, and takes none for that day or one before."""

    forms: ClassVar = {
        bytes.fromhex("2f9ac8bd"): (
            Field("journal", "bytes32"),
            Field("day", "uint32"),
            Field("last", "uint32"),
        ),
    }
    journal: str
    day: int
    last: int


class DayNotOver(ContractRefusal):
    """The day lasts until before `end`: more entries may come."""

    forms: ClassVar = {
        bytes.fromhex("a80ff1c2"): (
            Field("journal", "bytes32"),
            Field("day", "uint32"),
            Field("time", "uint256"),
            Field("end", "uint256"),
        ),
    }
    journal: str
    day: int
    time: int
    end: int


class DepthExceeded(ContractRefusal):
    """The chain may not be longer."""

    forms: ClassVar = {
        bytes.fromhex("94302d3f"): (
            Field("pledgeId", "bytes32"),
            Field("depth", "uint8"),
            Field("limit", "uint8"),
        ),
    }
    pledgeId: str
    depth: int
    limit: int


class DepthTooGreat(ContractRefusal):
    """Chains have at most `limit` links after the first."""

    forms: ClassVar = {
        bytes.fromhex("ed2c9852"): (
            Field("agreementId", "bytes32"),
            Field("actual", "uint8"),
            Field("limit", "uint8"),
        ),
    }
    agreementId: str
    actual: int
    limit: int


class DifferentEntity(ContractRefusal):
    """Only another wallet of the same entity can succeed."""

    forms: ClassVar = {
        bytes.fromhex("8baafb6b"): (
            Field("wallet", "address"),
            Field("lei", "bytes20"),
            Field("successor", "address"),
            Field("successorLei", "bytes20"),
        ),
    }
    wallet: str
    lei: str
    successor: str
    successorLei: str


class DuplicateEarmarker(ContractRefusal):
    """The same contract was given two lanes."""

    forms: ClassVar = {
        bytes.fromhex("43fa41f3"): (Field("earmarker", "address"),),
    }
    earmarker: str


class DuplicateRole(ContractRefusal):
    """No address may hold two roles."""

    forms: ClassVar = {
        bytes.fromhex("1b25a1bf"): (Field("holder", "address"),),
    }
    holder: str


class ERC1643InvalidName(ContractRefusal):
    """A document needs a name."""

    forms: ClassVar = {
        bytes.fromhex("80ff8bda"): (),
    }


class ERC1643MissingDocument(ContractRefusal):
    """There is no document of that name."""

    forms: ClassVar = {
        bytes.fromhex("e899cec5"): (),
    }


class ERC20InsufficientAllowance(ContractRefusal):
    """ERC-6093."""

    forms: ClassVar = {
        bytes.fromhex("fb8f41b2"): (
            Field("spender", "address"),
            Field("allowance", "uint256"),
            Field("needed", "uint256"),
        ),
    }
    spender: str
    allowance: int
    needed: int


class ERC20InsufficientBalance(ContractRefusal):
    """ERC-6093. `balance` is what could move: the free units."""

    forms: ClassVar = {
        bytes.fromhex("e450d38c"): (
            Field("sender", "address"),
            Field("balance", "uint256"),
            Field("needed", "uint256"),
        ),
    }
    sender: str
    balance: int
    needed: int


class ERC20InvalidReceiver(ContractRefusal):
    """ERC-6093."""

    forms: ClassVar = {
        bytes.fromhex("ec442f05"): (Field("receiver", "address"),),
    }
    receiver: str


class ERC20InvalidSpender(ContractRefusal):
    """ERC-6093."""

    forms: ClassVar = {
        bytes.fromhex("94280d62"): (Field("spender", "address"),),
    }
    spender: str


class ERC2612ExpiredSignature(ContractRefusal):
    """The signature counted up to `deadline`, inclusive."""

    forms: ClassVar = {
        bytes.fromhex("62791302"): (Field("deadline", "uint256"),),
    }
    deadline: int


class ERC2612InvalidSigner(ContractRefusal):
    """`signer` signed, not `owner`; zero: nobody did."""

    forms: ClassVar = {
        bytes.fromhex("4b800e46"): (
            Field("signer", "address"),
            Field("owner", "address"),
        ),
    }
    signer: str
    owner: str


class ERC7943CannotReceive(ContractRefusal):
    """`account` may not receive."""

    forms: ClassVar = {
        bytes.fromhex("705c1eed"): (Field("account", "address"),),
    }
    account: str


class ERC7943CannotSend(ContractRefusal):
    """`account` may not send."""

    forms: ClassVar = {
        bytes.fromhex("45bae9e2"): (Field("account", "address"),),
    }
    account: str


class ERC7943CannotTransfer(ContractRefusal):
    """No transfer of `amount` from `from` to `to` is allowed."""

    forms: ClassVar = {
        bytes.fromhex("22dda4be"): (
            Field("from", "address"),
            Field("to", "address"),
            Field("amount", "uint256"),
        ),
    }
    from_: str
    to: str
    amount: int


class ERC7943InsufficientUnfrozenBalance(ContractRefusal):
    """`amount` is there, but more of it is frozen than can be spared."""

    forms: ClassVar = {
        bytes.fromhex("00384e71"): (
            Field("account", "address"),
            Field("amount", "uint256"),
            Field("unfrozen", "uint256"),
        ),
    }
    account: str
    amount: int
    unfrozen: int


class EmptyAnchor(ContractRefusal):
    """The zero hash names no journal and is no tree's root."""

    forms: ClassVar = {
        bytes.fromhex("c6556659"): (
            Field("journal", "bytes32"),
            Field("day", "uint32"),
            Field("root", "bytes32"),
        ),
    }
    journal: str
    day: int
    root: str


class EmptyDocument(ContractRefusal):
    """A document needs a place."""

    forms: ClassVar = {
        bytes.fromhex("bded4106"): (Field("name", "bytes32"),),
    }
    name_: str


class EmptyLei(ContractRefusal):
    """A registration needs an LEI."""

    forms: ClassVar = {
        bytes.fromhex("257c6607"): (Field("wallet", "address"),),
    }
    wallet: str


class ExceedsExposure(ContractRefusal):
    """More would be taken than is owed."""

    forms: ClassVar = {
        bytes.fromhex("07eef487"): (
            Field("agreementId", "bytes32"),
            Field("value", "uint256"),
            Field("owed", "uint256"),
        ),
    }
    agreementId: str
    value: int
    owed: int


class GroupMismatch(ContractRefusal):
    """The order is to be locked with its group and nothing else."""

    forms: ClassVar = {
        bytes.fromhex("1e5d1415"): (
            Field("settlementId", "bytes32"),
            Field("actual", "bytes32"),
            Field("expected", "bytes32"),
        ),
    }
    settlementId: str
    actual: str
    expected: str


class HaircutTooHigh(ContractRefusal):
    """A haircut is at most the whole."""

    forms: ClassVar = {
        bytes.fromhex("df60333d"): (
            Field("agreementId", "bytes32"),
            Field("token", "address"),
            Field("actual", "uint24"),
            Field("limit", "uint24"),
        ),
    }
    agreementId: str
    token: str
    actual: int
    limit: int


class InDefault(ContractRefusal):
    """A default is declared, enforceable after `from`."""

    forms: ClassVar = {
        bytes.fromhex("5d35b62e"): (
            Field("agreementId", "bytes32"),
            Field("from", "uint40"),
        ),
    }
    agreementId: str
    from_: int


class InsufficientClaim(ContractRefusal):
    """The taker owes less income than that."""

    forms: ClassVar = {
        bytes.fromhex("e94026c3"): (
            Field("pledgeId", "bytes32"),
            Field("actual", "uint64"),
            Field("needed", "uint64"),
        ),
    }
    pledgeId: str
    actual: int
    needed: int


class InsufficientCredit(ContractRefusal):
    """More cash would be returned than the taker has."""

    forms: ClassVar = {
        bytes.fromhex("f76b0f04"): (
            Field("agreementId", "bytes32"),
            Field("actual", "uint64"),
            Field("needed", "uint64"),
        ),
    }
    agreementId: str
    actual: int
    needed: int


class InsufficientEarmark(ContractRefusal):
    """More units are to leave the lane than it holds."""

    forms: ClassVar = {
        bytes.fromhex("1053cf11"): (
            Field("holder", "address"),
            Field("earmarker", "address"),
            Field("earmarked", "uint256"),
            Field("needed", "uint256"),
        ),
    }
    holder: str
    earmarker: str
    earmarked: int
    needed: int


class InsufficientFreeUnits(ContractRefusal):
    """More units are to be earmarked than are free."""

    forms: ClassVar = {
        bytes.fromhex("0a095ce2"): (
            Field("holder", "address"),
            Field("free", "uint256"),
            Field("needed", "uint256"),
        ),
    }
    holder: str
    free: int
    needed: int


class InsufficientPledge(ContractRefusal):
    """More units than are pledged, or owed."""

    forms: ClassVar = {
        bytes.fromhex("a8935c95"): (
            Field("pledgeId", "bytes32"),
            Field("actual", "uint64"),
            Field("needed", "uint64"),
        ),
    }
    pledgeId: str
    actual: int
    needed: int


class InvalidSignature(ContractRefusal):
    """The signature is not `party`'s over this order, for this contract on this chain."""

    forms: ClassVar = {
        bytes.fromhex("78d50c7f"): (
            Field("settlementId", "bytes32"),
            Field("party", "address"),
        ),
    }
    settlementId: str
    party: str


class InvalidTerms(ContractRefusal):
    """A security needs its ISIN, and one that matures does so after its issue."""

    forms: ClassVar = {
        bytes.fromhex("0b36bb51"): (
            Field("isin", "bytes12"),
            Field("issueDate", "uint40"),
            Field("maturityDate", "uint40"),
        ),
    }
    isin: str
    issueDate: int
    maturityDate: int


class InvestorClassNotAllowed(ContractRefusal):
    """The security's rules leave out `wallet`'s investor class."""

    forms: ClassVar = {
        bytes.fromhex("0c0312ae"): (
            Field("wallet", "address"),
            Field("investorClass", "uint8"),
        ),
    }
    wallet: str
    investorClass: int


class InvestorClassOutOfRange(ContractRefusal):
    """Investor classes are 0 to `limit`."""

    forms: ClassVar = {
        bytes.fromhex("06f7ed4a"): (
            Field("wallet", "address"),
            Field("actual", "uint8"),
            Field("limit", "uint8"),
        ),
    }
    wallet: str
    actual: int
    limit: int


class IssuanceLimitExceeded(ContractRefusal):
    """The issue would exceed what is authorised, or what an account can hold."""

    forms: ClassVar = {
        bytes.fromhex("2973d6c0"): (
            Field("issued", "uint256"),
            Field("quantity", "uint256"),
            Field("limit", "uint256"),
        ),
    }
    issued: int
    quantity: int
    limit: int


class JurisdictionNotAllowed(ContractRefusal):
    """The security's rules leave out `wallet`'s jurisdiction."""

    forms: ClassVar = {
        bytes.fromhex("7e24ad93"): (
            Field("wallet", "address"),
            Field("jurisdiction", "bytes2"),
        ),
    }
    wallet: str
    jurisdiction: str


class LegOutOfRange(ContractRefusal):
    """Trade `leg` names place `actual` of a list with `length` entries."""

    forms: ClassVar = {
        bytes.fromhex("e26de0c9"): (
            Field("settlementId", "bytes32"),
            Field("leg", "uint256"),
            Field("actual", "uint256"),
            Field("length", "uint256"),
        ),
    }
    settlementId: str
    leg: int
    actual: int
    length: int


class LegWithSelf(ContractRefusal):
    """Trade `leg` is with oneself."""

    forms: ClassVar = {
        bytes.fromhex("0f5d47f5"): (
            Field("settlementId", "bytes32"),
            Field("leg", "uint256"),
            Field("party", "address"),
        ),
    }
    settlementId: str
    leg: int
    party: str


class LegWithoutQuantity(ContractRefusal):
    """Trade `leg` moves nothing."""

    forms: ClassVar = {
        bytes.fromhex("839638e2"): (
            Field("settlementId", "bytes32"),
            Field("leg", "uint256"),
        ),
    }
    settlementId: str
    leg: int


class LengthMismatch(ContractRefusal):
    """Each holder needs its quantity."""

    forms: ClassVar = {
        bytes.fromhex("ab8b67c6"): (
            Field("holders", "uint256"),
            Field("quantities", "uint256"),
        ),
    }
    holders: int
    quantities: int


class LockByPassed(ContractRefusal):
    """The order came too late."""

    forms: ClassVar = {
        bytes.fromhex("2cf659e6"): (
            Field("settlementId", "bytes32"),
            Field("time", "uint256"),
            Field("lockBy", "uint40"),
        ),
    }
    settlementId: str
    time: int
    lockBy: int


class MalformedProof(ContractRefusal):
    """The proof's length or its bitmap is not as IDvP says."""

    forms: ClassVar = {
        bytes.fromhex("1c1801ae"): (
            Field("settlementId", "bytes32"),
            Field("length", "uint256"),
            Field("signers", "uint8"),
        ),
    }
    settlementId: str
    length: int
    signers: int


class MixedEpochs(ContractRefusal):
    """The settlements of one proof name one epoch."""

    forms: ClassVar = {
        bytes.fromhex("23d2c7e5"): (
            Field("settlementId", "bytes32"),
            Field("actual", "uint32"),
            Field("expected", "uint32"),
        ),
    }
    settlementId: str
    actual: int
    expected: int


class NetLengthMismatch(ContractRefusal):
    """A list has another length than the others make necessary; `actual` and `expected` in entries, for the legs in
    bytes: a multiple of 43, not 0."""

    forms: ClassVar = {
        bytes.fromhex("a5f7e24f"): (
            Field("settlementId", "bytes32"),
            Field("actual", "uint256"),
            Field("expected", "uint256"),
        ),
    }
    settlementId: str
    actual: int
    expected: int


class NetMismatch(ContractRefusal):
    """The presented net positions, epoch and deadline are not those locked."""

    forms: ClassVar = {
        bytes.fromhex("e11da3d8"): (
            Field("settlementId", "bytes32"),
            Field("actual", "bytes31"),
            Field("expected", "bytes31"),
        ),
    }
    settlementId: str
    actual: str
    expected: str


class NoDefault(ContractRefusal):
    """No default is declared."""

    forms: ClassVar = {
        bytes.fromhex("7360caab"): (Field("agreementId", "bytes32"),),
    }
    agreementId: str


class NoQuantity(ContractRefusal):
    """At least one base unit is needed."""

    forms: ClassVar = {
        bytes.fromhex("5523e79c"): (Field("id", "bytes32"),),
    }
    id: str


class NoRole(ContractRefusal):
    """`caller` holds no role here."""

    forms: ClassVar = {
        bytes.fromhex("8f128fdd"): (Field("caller", "address"),),
    }
    caller: str


class NoSuccessor(ContractRefusal):
    """The security has no successor to migrate to."""

    forms: ClassVar = {
        bytes.fromhex("1c778cf5"): (),
    }


class NoToken(ContractRefusal):
    """No contract stands at the order's token."""

    forms: ClassVar = {
        bytes.fromhex("bf51e2b0"): (
            Field("settlementId", "bytes32"),
            Field("token", "address"),
        ),
    }
    settlementId: str
    token: str


class NonceReserved(ContractRefusal):
    """Nonces from `limit` on are those of parts."""

    forms: ClassVar = {
        bytes.fromhex("6635b117"): (
            Field("settlementId", "bytes32"),
            Field("actual", "uint64"),
            Field("limit", "uint64"),
        ),
    }
    settlementId: str
    actual: int
    limit: int


class NonceUsed(ContractRefusal):
    """The seller's nonce was used: by this very order if `prefix` starts `settlementId`, else by another."""

    forms: ClassVar = {
        bytes.fromhex("b4b25070"): (
            Field("settlementId", "bytes32"),
            Field("seller", "address"),
            Field("nonce", "uint64"),
            Field("status", "uint8"),
            Field("prefix", "bytes15"),
        ),
    }
    settlementId: str
    seller: str
    nonce: int
    status: int
    prefix: str


class NotActing(ContractRefusal):
    """`caller` is not the one who may do this; once a wallet has an heir, the heir."""

    forms: ClassVar = {
        bytes.fromhex("a9fc5a11"): (
            Field("caller", "address"),
            Field("expected", "address"),
        ),
    }
    caller: str
    expected: str


class NotAgreed(ContractRefusal):
    """The agreement does not allow it."""

    forms: ClassVar = {
        bytes.fromhex("21e65f17"): (Field("agreementId", "bytes32"),),
    }
    agreementId: str


class NotAmendable(ContractRefusal):
    """Parties, mode and currency are for life."""

    forms: ClassVar = {
        bytes.fromhex("fd2b92d8"): (Field("agreementId", "bytes32"),),
    }
    agreementId: str


class NotAnchorer(ContractRefusal):
    """`caller` may not anchor."""

    forms: ClassVar = {
        bytes.fromhex("0e5e5f6f"): (Field("caller", "address"),),
    }
    caller: str


class NotAscending(ContractRefusal):
    """Parties and tokens are strictly ascending, which excludes zero and doubles."""

    forms: ClassVar = {
        bytes.fromhex("3dad9e30"): (
            Field("settlementId", "bytes32"),
            Field("previous", "address"),
            Field("actual", "address"),
        ),
    }
    settlementId: str
    previous: str
    actual: str


class NotConfirmer(ContractRefusal):
    """`caller` is not the one who confirms."""

    forms: ClassVar = {
        bytes.fromhex("2b1c4e31"): (
            Field("caller", "address"),
            Field("expected", "address"),
        ),
    }
    caller: str
    expected: str


class NotCovered(ContractRefusal):
    """What remains would not cover what is required."""

    forms: ClassVar = {
        bytes.fromhex("d137c37e"): (
            Field("agreementId", "bytes32"),
            Field("required", "uint256"),
            Field("covered", "uint256"),
        ),
    }
    agreementId: str
    required: int
    covered: int


class NotCurrentEpoch(ContractRefusal):
    """The order names other agents than those who serve now."""

    forms: ClassVar = {
        bytes.fromhex("ee7374ed"): (
            Field("settlementId", "bytes32"),
            Field("actual", "uint32"),
            Field("expected", "uint32"),
        ),
    }
    settlementId: str
    actual: int
    expected: int


class NotDivisible(ContractRefusal):
    """The order moves as a whole, names a group, or has a nonce of 2^39 or more; `part` is 0, or 2^24 or more; or
    the order is itself a part, which has no minimum lot."""

    forms: ClassVar = {
        bytes.fromhex("aa62bd34"): (
            Field("settlementId", "bytes32"),
            Field("part", "uint32"),
        ),
    }
    settlementId: str
    part: int


class NotEarmarker(ContractRefusal):
    """`caller` has no lane in this security."""

    forms: ClassVar = {
        bytes.fromhex("c9ca5112"): (Field("caller", "address"),),
    }
    caller: str


class NotEligible(ContractRefusal):
    """`wallet` may not act now: its status is not Active, or `time` lies after `expires`."""

    forms: ClassVar = {
        bytes.fromhex("77297b06"): (
            Field("wallet", "address"),
            Field("status", "uint8"),
            Field("time", "uint256"),
            Field("expires", "uint40"),
        ),
    }
    wallet: str
    status: int
    time: int
    expires: int


class NotForSale(ContractRefusal):
    """The order is not of this contract's units of the pledge, as a whole and by itself."""

    forms: ClassVar = {
        bytes.fromhex("1ec18e60"): (
            Field("pledgeId", "bytes32"),
            Field("settlementId", "bytes32"),
        ),
    }
    pledgeId: str
    settlementId: str


class NotInRole(ContractRefusal):
    """`caller` is not the one who may do this."""

    forms: ClassVar = {
        bytes.fromhex("2a129417"): (
            Field("caller", "address"),
            Field("expected", "address"),
        ),
    }
    caller: str
    expected: str


class NotMatured(ContractRefusal):
    """Units are repaid from `maturityDate` on; 0: never."""

    forms: ClassVar = {
        bytes.fromhex("f028b9ca"): (
            Field("time", "uint256"),
            Field("maturityDate", "uint40"),
        ),
    }
    time: int
    maturityDate: int


class NotParty(ContractRefusal):
    """Only the two who signed an order can cancel it."""

    forms: ClassVar = {
        bytes.fromhex("723bbd35"): (
            Field("settlementId", "bytes32"),
            Field("caller", "address"),
        ),
    }
    settlementId: str
    caller: str


class NotPredecessor(ContractRefusal):
    """Only the predecessor may bring holders over."""

    forms: ClassVar = {
        bytes.fromhex("47f2cacc"): (
            Field("caller", "address"),
            Field("expected", "address"),
        ),
    }
    caller: str
    expected: str


class NotPresentEpoch(ContractRefusal):
    """Cash is proved by DvP's present epoch."""

    forms: ClassVar = {
        bytes.fromhex("3037ab3e"): (
            Field("agreementId", "bytes32"),
            Field("actual", "uint32"),
            Field("expected", "uint32"),
        ),
    }
    agreementId: str
    actual: int
    expected: int


class NotProposed(ContractRefusal):
    """ParticipantRegistry, SecurityToken, JournalAnchor: `proposer` did not propose this very call, or withdrew it,
    or it was made already. Zero: nobody did whose word would count. DvP: What is confirmed is not what was
    proposed; zero: nothing was."""

    forms: ClassVar = {
        bytes.fromhex("eb8dbab1"): (
            Field("id", "bytes32"),
            Field("proposer", "address"),
        ),
        bytes.fromhex("895fbce0"): (
            Field("actual", "bytes32"),
            Field("expected", "bytes32"),
        ),
    }
    id: str
    proposer: str
    actual: str
    expected: str


class NotRegistered(ContractRefusal):
    """`wallet` was never registered."""

    forms: ClassVar = {
        bytes.fromhex("bfc6c337"): (Field("wallet", "address"),),
    }
    wallet: str


class NotRegistrar(ContractRefusal):
    """`caller` is not the one who may do this."""

    forms: ClassVar = {
        bytes.fromhex("58118d98"): (
            Field("caller", "address"),
            Field("expected", "address"),
        ),
    }
    caller: str
    expected: str


class NotRestored(ContractRefusal):
    """The token did not give the units back to their holder."""

    forms: ClassVar = {
        bytes.fromhex("c209d997"): (Field("settlementId", "bytes32"),),
    }
    settlementId: str


class NotSucceeded(ContractRefusal):
    """`wallet` has no successor in the registry."""

    forms: ClassVar = {
        bytes.fromhex("27796311"): (Field("wallet", "address"),),
    }
    wallet: str


class NotThisSettlement(ContractRefusal):
    """The settlement is not Settled, or not between these two, or of another security."""

    forms: ClassVar = {
        bytes.fromhex("6abd5c59"): (
            Field("id", "bytes32"),
            Field("settlementId", "bytes32"),
            Field("status", "uint8"),
        ),
    }
    id: str
    settlementId: str
    status: int


class NotValued(ContractRefusal):
    """The latest valuation does not name the security, or, for enforcement, names no price above 0."""

    forms: ClassVar = {
        bytes.fromhex("1ca8877a"): (
            Field("agreementId", "bytes32"),
            Field("token", "address"),
        ),
    }
    agreementId: str
    token: str


class NothingToRecover(ContractRefusal):
    """All of `wallet` was carried to its heir before, and nothing has come since."""

    forms: ClassVar = {
        bytes.fromhex("86d9d035"): (Field("wallet", "address"),),
    }
    wallet: str


class OrderMismatch(ContractRefusal):
    """The presented movement and terms are not those locked under the seller's nonce."""

    forms: ClassVar = {
        bytes.fromhex("6aca75fe"): (
            Field("settlementId", "bytes32"),
            Field("actual", "bytes15"),
            Field("expected", "bytes15"),
        ),
    }
    settlementId: str
    actual: str
    expected: str


class PayByBeforeLockBy(ContractRefusal):
    """The order asks for the payment before the lock."""

    forms: ClassVar = {
        bytes.fromhex("444804f7"): (
            Field("settlementId", "bytes32"),
            Field("payBy", "uint40"),
            Field("lockBy", "uint40"),
        ),
    }
    settlementId: str
    payBy: int
    lockBy: int


class PayByTooFar(ContractRefusal):
    """The order would stay locked longer than MAX_LOCK."""

    forms: ClassVar = {
        bytes.fromhex("c73b300e"): (
            Field("settlementId", "bytes32"),
            Field("payBy", "uint40"),
            Field("limit", "uint40"),
        ),
    }
    settlementId: str
    payBy: int
    limit: int


class PledgeExists(ContractRefusal):
    """The pledge was made before."""

    forms: ClassVar = {
        bytes.fromhex("86804dea"): (Field("pledgeId", "bytes32"),),
    }
    pledgeId: str


class ProofNotFromEpoch(ContractRefusal):
    """Signers, absent and quorum are not the order's epoch: a signature is forged, or made for another outcome,
    settlement, contract, chain or epoch."""

    forms: ClassVar = {
        bytes.fromhex("3d2dac9b"): (
            Field("settlementId", "bytes32"),
            Field("actual", "bytes32"),
            Field("expected", "bytes32"),
        ),
    }
    settlementId: str
    actual: str
    expected: str


class ProposalExpired(ContractRefusal):
    """The proposal can no longer be confirmed."""

    forms: ClassVar = {
        bytes.fromhex("2202a202"): (
            Field("id", "bytes32"),
            Field("time", "uint256"),
            Field("expires", "uint40"),
        ),
    }
    id: str
    time: int
    expires: int


class QuorumNotReached(ContractRefusal):
    """Too few agents signed."""

    forms: ClassVar = {
        bytes.fromhex("367c00ba"): (
            Field("settlementId", "bytes32"),
            Field("signed", "uint256"),
            Field("quorum", "uint256"),
        ),
    }
    settlementId: str
    signed: int
    quorum: int


class ReuseExceeded(ContractRefusal):
    """Of the units, `reused` would be pledged on, more than `limit`: bring some back first."""

    forms: ClassVar = {
        bytes.fromhex("c1d33651"): (
            Field("pledgeId", "bytes32"),
            Field("reused", "uint64"),
            Field("limit", "uint64"),
        ),
    }
    pledgeId: str
    reused: int
    limit: int


class RolesNotApart(ContractRefusal):
    """Officer and confirmer must be given, be two, and be no agents."""

    forms: ClassVar = {
        bytes.fromhex("5e8ddc28"): (Field("role", "address"),),
    }
    role: str


class RootDiffers(ContractRefusal):
    """The tree did not grow since the last one anchored, so its root is the same."""

    forms: ClassVar = {
        bytes.fromhex("e15c532e"): (
            Field("journal", "bytes32"),
            Field("size", "uint64"),
            Field("actual", "bytes32"),
            Field("expected", "bytes32"),
        ),
    }
    journal: str
    size: int
    actual: str
    expected: str


class SaleNotEnded(ContractRefusal):
    """The sale is not where this call needs it."""

    forms: ClassVar = {
        bytes.fromhex("1cfaf5f2"): (
            Field("settlementId", "bytes32"),
            Field("actual", "uint8"),
        ),
    }
    settlementId: str
    actual: int


class SameHands(ContractRefusal):
    """Two hands are needed, and `both` would be one."""

    forms: ClassVar = {
        bytes.fromhex("6d817ac2"): (Field("both", "address"),),
    }
    both: str


class SameParty(ContractRefusal):
    """A trade with oneself delivers nothing."""

    forms: ClassVar = {
        bytes.fromhex("280c22f8"): (
            Field("settlementId", "bytes32"),
            Field("party", "address"),
        ),
    }
    settlementId: str
    party: str


class SecurityPaused(ContractRefusal):
    """The security is paused."""

    forms: ClassVar = {
        bytes.fromhex("2d291308"): (Field("isin", "bytes12"),),
    }
    isin: str


class ShareTooHigh(ContractRefusal):
    """Cap of re-use and floor of sale are at most the whole."""

    forms: ClassVar = {
        bytes.fromhex("56aae6ee"): (
            Field("agreementId", "bytes32"),
            Field("actual", "uint24"),
            Field("limit", "uint24"),
        ),
    }
    agreementId: str
    actual: int
    limit: int


class SizeShrank(ContractRefusal):
    """A tree has at least one entry, and at least as many as the last one anchored."""

    forms: ClassVar = {
        bytes.fromhex("917d6f72"): (
            Field("journal", "bytes32"),
            Field("actual", "uint64"),
            Field("expected", "uint64"),
        ),
    }
    journal: str
    actual: int
    expected: int


class StaleValuation(ContractRefusal):
    """The latest valuation counts no more; `valuedAt` 0: there is none."""

    forms: ClassVar = {
        bytes.fromhex("17f98ee8"): (
            Field("agreementId", "bytes32"),
            Field("valuedAt", "uint40"),
            Field("maxAge", "uint32"),
        ),
    }
    agreementId: str
    valuedAt: int
    maxAge: int


class StarvedOfGas(ContractRefusal):
    """Leg `index` might lack gas through the caller's fault: nothing of the batch was done."""

    forms: ClassVar = {
        bytes.fromhex("84426806"): (
            Field("index", "uint256"),
            Field("actual", "uint256"),
            Field("expected", "uint256"),
        ),
    }
    index: int
    actual: int
    expected: int


class StatusNotReachable(ContractRefusal):
    """Neither back to None, nor out of Closed."""

    forms: ClassVar = {
        bytes.fromhex("022ce2cc"): (
            Field("wallet", "address"),
            Field("actual", "uint8"),
            Field("requested", "uint8"),
        ),
    }
    wallet: str
    actual: int
    requested: int


class StillOwed(ContractRefusal):
    """A valuation came after the long stop was proposed, and shows a debt: the pledge secures it still."""

    forms: ClassVar = {
        bytes.fromhex("af3b0e6f"): (
            Field("agreementId", "bytes32"),
            Field("exposure", "uint64"),
            Field("credit", "uint64"),
        ),
    }
    agreementId: str
    exposure: int
    credit: int


class SuccessorAlreadyNamed(ContractRefusal):
    """The security has its successor: nothing is issued here, and no other can be named."""

    forms: ClassVar = {
        bytes.fromhex("9ce23668"): (Field("successor", "address"),),
    }
    successor: str


class TakerNotEligible(ContractRefusal):
    """The security does not let `taker` hold it now."""

    forms: ClassVar = {
        bytes.fromhex("e3ddbb20"): (
            Field("pledgeId", "bytes32"),
            Field("taker", "address"),
        ),
    }
    pledgeId: str
    taker: str


class TermEnded(ContractRefusal):
    """The pledge's term is over: it cannot be pledged on."""

    forms: ClassVar = {
        bytes.fromhex("82ea35cd"): (
            Field("pledgeId", "bytes32"),
            Field("time", "uint256"),
            Field("until", "uint40"),
        ),
    }
    pledgeId: str
    time: int
    until: int


class TooEarly(ContractRefusal):
    """The wait that this needs is not over: it may be done after `from`."""

    forms: ClassVar = {
        bytes.fromhex("c8f1917b"): (
            Field("time", "uint256"),
            Field("from", "uint40"),
        ),
    }
    time: int
    from_: int


class TooManyDocuments(ContractRefusal):
    """The security has its `limit` documents."""

    forms: ClassVar = {
        bytes.fromhex("a6330cc2"): (
            Field("name", "bytes32"),
            Field("limit", "uint256"),
        ),
    }
    name_: str
    limit: int


class TooManyJurisdictions(ContractRefusal):
    """The registry has given all its `limit` numbers away."""

    forms: ClassVar = {
        bytes.fromhex("a477471c"): (
            Field("jurisdiction", "bytes2"),
            Field("limit", "uint256"),
        ),
    }
    jurisdiction: str
    limit: int


class TooManyTokens(ContractRefusal):
    """An agreement's collateral is of at most `limit` securities at a time."""

    forms: ClassVar = {
        bytes.fromhex("6ecb1676"): (
            Field("agreementId", "bytes32"),
            Field("limit", "uint256"),
        ),
    }
    agreementId: str
    limit: int


class UnbalancedNet(ContractRefusal):
    """Net positions must add up to zero: these would create or destroy units."""

    forms: ClassVar = {
        bytes.fromhex("5e899132"): (Field("sum", "int256"),),
    }
    sum: int


class UnfitSuccessor(ContractRefusal):
    """`successor` is not this security's: another ISIN, registry or predecessor, or no contract."""

    forms: ClassVar = {
        bytes.fromhex("062db610"): (Field("successor", "address"),),
    }
    successor: str


class UnknownAgreement(ContractRefusal):
    """No such agreement was opened."""

    forms: ClassVar = {
        bytes.fromhex("5a938336"): (Field("agreementId", "bytes32"),),
    }
    agreementId: str


class UnknownJurisdiction(ContractRefusal):
    """No participant ever had this jurisdiction, nor was it numbered."""

    forms: ClassVar = {
        bytes.fromhex("8c75cc02"): (Field("jurisdiction", "bytes2"),),
    }
    jurisdiction: str


class UnknownPledge(ContractRefusal):
    """No such pledge was made."""

    forms: ClassVar = {
        bytes.fromhex("81fcd779"): (Field("pledgeId", "bytes32"),),
    }
    pledgeId: str


class UnknownSale(ContractRefusal):
    """No such sale is open."""

    forms: ClassVar = {
        bytes.fromhex("938379d5"): (Field("settlementId", "bytes32"),),
    }
    settlementId: str


class UnsafeQuorum(ContractRefusal):
    """quorum ≤ agents and 2 * quorum - agents > faulty do not both hold: two halves could split."""

    forms: ClassVar = {
        bytes.fromhex("4d519ba0"): (
            Field("agents", "uint256"),
            Field("quorum", "uint8"),
            Field("faulty", "uint8"),
        ),
    }
    agents: int
    quorum: int
    faulty: int


class WithoutLegs(ContractRefusal):
    """A party or token of the cycle has no trade in it."""

    forms: ClassVar = {
        bytes.fromhex("06b2d631"): (
            Field("settlementId", "bytes32"),
            Field("actual", "address"),
        ),
    }
    settlementId: str
    actual: str


class WorthLess(ContractRefusal):
    """The new collateral's attested value is below that of the old."""

    forms: ClassVar = {
        bytes.fromhex("8b06870c"): (
            Field("agreementId", "bytes32"),
            Field("value", "uint256"),
            Field("needed", "uint256"),
        ),
    }
    agreementId: str
    value: int
    needed: int


class WrongMode(ContractRefusal):
    """The agreement is of the other mode."""

    forms: ClassVar = {
        bytes.fromhex("7e02d087"): (
            Field("agreementId", "bytes32"),
            Field("actual", "uint8"),
        ),
    }
    agreementId: str
    actual: int


class WrongRole(ContractRefusal):
    """`caller` does not hold the role."""

    forms: ClassVar = {
        bytes.fromhex("abec787c"): (
            Field("caller", "address"),
            Field("role", "uint8"),
            Field("expected", "address"),
        ),
    }
    caller: str
    role: int
    expected: str


class WrongStatus(ContractRefusal):
    """The settlement is not where this call needs it."""

    forms: ClassVar = {
        bytes.fromhex("a41c160e"): (
            Field("settlementId", "bytes32"),
            Field("actual", "uint8"),
            Field("expected", "uint8"),
        ),
    }
    settlementId: str
    actual: int
    expected: int


class ZeroAddress(ContractRefusal):
    """Registry and roles must be given."""

    forms: ClassVar = {
        bytes.fromhex("d92e233d"): (),
    }


class ZeroQuantity(ContractRefusal):
    """An order moves at least one base unit."""

    forms: ClassVar = {
        bytes.fromhex("16b669f8"): (Field("settlementId", "bytes32"),),
    }
    settlementId: str


REFUSALS: tuple[type[ContractRefusal], ...] = (
    ActExpired,
    ActNotSigned,
    ActNotTogether,
    ActUsed,
    AgentsNotAscending,
    AgreementExists,
    AlreadyEnded,
    AlreadyProposed,
    AlreadyRegistered,
    AlreadySucceeded,
    AlreadyUsed,
    AmendmentExpired,
    AnchorerUnchanged,
    BadAgentCount,
    BadAsOf,
    BadPart,
    BadTerm,
    BelowNetLimit,
    ChainChanged,
    Covered,
    CycleTooLarge,
    DayNotLater,
    DayNotOver,
    DepthExceeded,
    DepthTooGreat,
    DifferentEntity,
    DuplicateEarmarker,
    DuplicateRole,
    ERC1643InvalidName,
    ERC1643MissingDocument,
    ERC20InsufficientAllowance,
    ERC20InsufficientBalance,
    ERC20InvalidReceiver,
    ERC20InvalidSpender,
    ERC2612ExpiredSignature,
    ERC2612InvalidSigner,
    ERC7943CannotReceive,
    ERC7943CannotSend,
    ERC7943CannotTransfer,
    ERC7943InsufficientUnfrozenBalance,
    EmptyAnchor,
    EmptyDocument,
    EmptyLei,
    ExceedsExposure,
    GroupMismatch,
    HaircutTooHigh,
    InDefault,
    InsufficientClaim,
    InsufficientCredit,
    InsufficientEarmark,
    InsufficientFreeUnits,
    InsufficientPledge,
    InvalidSignature,
    InvalidTerms,
    InvestorClassNotAllowed,
    InvestorClassOutOfRange,
    IssuanceLimitExceeded,
    JurisdictionNotAllowed,
    LegOutOfRange,
    LegWithSelf,
    LegWithoutQuantity,
    LengthMismatch,
    LockByPassed,
    MalformedProof,
    MixedEpochs,
    NetLengthMismatch,
    NetMismatch,
    NoDefault,
    NoQuantity,
    NoRole,
    NoSuccessor,
    NoToken,
    NonceReserved,
    NonceUsed,
    NotActing,
    NotAgreed,
    NotAmendable,
    NotAnchorer,
    NotAscending,
    NotConfirmer,
    NotCovered,
    NotCurrentEpoch,
    NotDivisible,
    NotEarmarker,
    NotEligible,
    NotForSale,
    NotInRole,
    NotMatured,
    NotParty,
    NotPredecessor,
    NotPresentEpoch,
    NotProposed,
    NotRegistered,
    NotRegistrar,
    NotRestored,
    NotSucceeded,
    NotThisSettlement,
    NotValued,
    NothingToRecover,
    OrderMismatch,
    PayByBeforeLockBy,
    PayByTooFar,
    PledgeExists,
    ProofNotFromEpoch,
    ProposalExpired,
    QuorumNotReached,
    ReuseExceeded,
    RolesNotApart,
    RootDiffers,
    SaleNotEnded,
    SameHands,
    SameParty,
    SecurityPaused,
    ShareTooHigh,
    SizeShrank,
    StaleValuation,
    StarvedOfGas,
    StatusNotReachable,
    StillOwed,
    SuccessorAlreadyNamed,
    TakerNotEligible,
    TermEnded,
    TooEarly,
    TooManyDocuments,
    TooManyJurisdictions,
    TooManyTokens,
    UnbalancedNet,
    UnfitSuccessor,
    UnknownAgreement,
    UnknownJurisdiction,
    UnknownPledge,
    UnknownSale,
    UnsafeQuorum,
    WithoutLegs,
    WorthLess,
    WrongMode,
    WrongRole,
    WrongStatus,
    ZeroAddress,
    ZeroQuantity,
)
