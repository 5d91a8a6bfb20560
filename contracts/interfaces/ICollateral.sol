// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IDvP} from "./IDvP.sol";

/// @title The collateral register's words: what is agreed, attested, kept, told and refused
/// @notice See {ICollateralRegister} for what they are used for.
interface ICollateral {
    /// @notice What becomes of title.
    /// @dev SecurityInterest: the units stay the giver's. TitleTransfer: they become the taker's, who owes equivalent.
    enum Mode {
        SecurityInterest,
        TitleTransfer
    }

    /// @notice What both parties sign, once for all pledges under it.
    /// @param giver who gives collateral.
    /// @param mode see {Mode}.
    /// @param currency ISO 4217 code, 3 ASCII characters; all amounts are in its minor units.
    /// @param reuseCap how much of what he received the taker may pledge on, in parts of a million; 0: none.
    /// @param maxDepth how many links may follow a pledge of this agreement's giver; 0: none.
    /// @param appropriation the taker may enforce by taking units at attested value.
    /// @param substitution the giver may replace collateral by as much of attested value without the taker.
    /// @param taker who takes it.
    /// @param noticePeriod seconds from a declared default until the cure period; 0: waived.
    /// @param curePeriod seconds from then until enforcement; 0: waived (Directive 2002/47/EC, Article 4(4)).
    /// @param maxAge seconds for which a valuation counts from its as-of time.
    /// @param valuers hash of quorum and agents who value.
    /// @param until last second of the term (UTC, seconds since 1970): what is owed then is due.
    /// @param saleFloor the taker may enforce by selling units through DvP, and the giver is credited with this much of
    /// their attested price at least, in parts of a million; 0: no sale.
    /// @param salt makes agreements of the same terms two.
    struct Agreement {
        address giver;
        Mode mode;
        bytes3 currency;
        uint24 reuseCap;
        uint8 maxDepth;
        bool appropriation;
        bool substitution;
        address taker;
        uint32 noticePeriod;
        uint32 curePeriod;
        uint32 maxAge;
        bytes32 valuers;
        uint40 until;
        uint24 saleFloor;
        uint128 salt;
    }

    /// @notice What one security is worth.
    /// @param price minor units for 1,000,000 base units, accrued interest included.
    /// @param haircut parts of a million that cover does not count; enforcement counts all of the price.
    struct Price {
        address token;
        uint64 price;
        uint24 haircut;
    }

    /// @notice What valuers sign. Before anything that this contract credits: see {State}.
    /// @param exposure what the giver owes, were all closed out.
    /// @param required what is to be covered: the exposure, independent amount and threshold applied.
    /// @param asOf the second that it is true of.
    /// @param prices of all securities that count as collateral.
    struct Valuation {
        bytes32 agreementId;
        uint64 exposure;
        uint64 required;
        uint40 asOf;
        Price[] prices;
    }

    /// @notice What DvP's agents sign: a payment that the payment system booked.
    /// @param callId what was paid, a margin call or the settlement of a sale; counts once for an agreement.
    /// @param pledgeId 0; or the pledge whose income claim the taker paid.
    /// @param amount to the taker, from the giver or for him; negative: from taker to giver.
    /// @param epoch DvP's epoch whose agents sign.
    struct Cash {
        bytes32 agreementId;
        bytes32 callId;
        bytes32 pledgeId;
        int64 amount;
        uint32 epoch;
    }

    /// @notice What valuers sign of a coupon or dividend.
    /// @param incomeId the payment; counts once for a pledge.
    /// @param recordDate the second by whose holdings it is paid.
    /// @param entitled minor units on what was pledged then: the issuer pays them to the holder.
    /// @param owed minor units on what the taker owed then, or had out for sale: he owes them to the giver.
    struct Income {
        bytes32 pledgeId;
        bytes32 incomeId;
        uint40 recordDate;
        uint64 entitled;
        uint64 owed;
    }

    /// @notice Units out for sale through DvP.
    /// @param price what they were attested to be worth.
    /// @param floor what the giver is credited with once it is settled, whatever it fetched.
    /// @param open whether the units are on their way: with DvP, or given back to this contract.
    /// @param counted whether what `price` is above the credited counts still as about to be paid: until the proceeds are
    /// recorded.
    struct Sale {
        bytes32 pledgeId;
        uint64 quantity;
        uint64 price;
        uint64 floor;
        uint64 nonce;
        bool open;
        bool counted;
    }

    /// @notice One act that its party need not submit itself.
    /// @param party whose act it is.
    /// @param call selector and arguments of a call of this contract.
    /// @param nonce the party's own number, used once, in any order.
    /// @param by the last second, inclusive.
    /// @param together 0: it may be run by itself and with any others; else what {ICollateralRegister-togetherOf} answers
    /// of all the acts that it is to be run with, and with no others. Whoever gives something for something signs this.
    /// @param signature as in {IDvP-lock}; not read where `party` makes the call.
    struct Act {
        address party;
        bytes call;
        uint256 nonce;
        uint40 by;
        bytes32 together;
        bytes signature;
    }

    /// @notice Where an agreement stands.
    /// @param exposure, required see {Valuation}.
    /// @param credit what the taker has had of the giver: cash held, and what enforcement took. Above the exposure: owed.
    /// @param valuedAt as-of time of the latest valuation; 0: none yet.
    /// @param enforceFrom after which second a declared default can be enforced; 0: none is declared.
    /// @param selling attested price of units that are being sold, or were and whose proceeds are not recorded.
    struct State {
        uint64 exposure;
        uint64 required;
        uint64 credit;
        uint40 valuedAt;
        uint40 enforceFrom;
        uint64 selling;
    }

    /// @notice One pledge, or one transfer of title.
    /// @param agreementId whose giver pledged to whose taker.
    /// @param parent the pledge whose units are pledged on; 0: a root, of the giver's own units.
    /// @param token the security.
    /// @param quantity base units that are pledged now.
    /// @param depth links between the root and this one.
    /// @param maxDepth the greatest depth below it.
    /// @param holder in whose account a root's units are earmarked.
    /// @param reused base units of it that its taker has pledged on.
    /// @param reuseCap see {Agreement}.
    /// @param owed base units that the taker owes: of title transferred, or lost further down.
    /// @param recalled base units that the giver wants out of re-use.
    /// @param until last second of its term.
    /// @param selling base units of it that are out for sale, with this contract or DvP.
    struct Pledge {
        bytes32 agreementId;
        bytes32 parent;
        address token;
        uint64 quantity;
        uint8 depth;
        uint8 maxDepth;
        address holder;
        uint64 reused;
        uint24 reuseCap;
        uint64 owed;
        uint64 recalled;
        uint40 until;
        uint64 selling;
    }

    /// @notice Both parties agreed; again: on other terms.
    event Agreed(bytes32 indexed agreementId, Agreement agreement);

    /// @notice `quantity` units are pledged; `parent` is 0 for a root.
    event Pledged(
        bytes32 indexed pledgeId,
        bytes32 indexed agreementId,
        bytes32 indexed parent,
        address token,
        uint64 quantity,
        uint8 depth,
        uint40 until
    );

    /// @notice Title to `quantity` units went to the taker. `settlementId`: the DvP settlement that moved them; 0: none.
    event TitleTransferred(
        bytes32 indexed pledgeId, bytes32 indexed agreementId, address token, uint64 quantity, bytes32 settlementId
    );

    /// @notice `quantity` units are pledged no more, and of a root free again.
    event Released(bytes32 indexed pledgeId, uint64 quantity);

    /// @notice The giver wants `quantity` units to be out of re-use by the second `by`.
    event Recalled(bytes32 indexed pledgeId, uint64 quantity, uint40 by);

    /// @notice A quorum of valuers said what is owed and what collateral is worth.
    event Valued(bytes32 indexed agreementId, uint64 exposure, uint64 required, uint40 asOf, Price[] prices);

    /// @notice A payment between the parties counts: `credit` after it, which income leaves as it was.
    event CashRecorded(bytes32 indexed agreementId, bytes32 indexed callId, int64 amount, uint64 credit);

    /// @notice The taker declared a default; it can be enforced after `from`.
    event DefaultDeclared(bytes32 indexed agreementId, uint40 from);

    /// @notice The default was cured, or the taker withdrew it.
    event DefaultEnded(bytes32 indexed agreementId, address indexed by);

    /// @notice The taker took `quantity` units for `value`.
    event Appropriated(bytes32 indexed pledgeId, uint64 quantity, uint64 value);

    /// @notice The taker put units out for sale as `settlementId`.
    event SaleStarted(bytes32 indexed pledgeId, bytes32 indexed settlementId, uint64 quantity, uint64 price);

    /// @notice The sale settled, or was given back and the units are pledged as before.
    event SaleEnded(bytes32 indexed pledgeId, bytes32 indexed settlementId, bool settled);

    /// @notice Income on pledged units, or owed by the taker.
    event IncomeRecorded(
        bytes32 indexed pledgeId, bytes32 indexed incomeId, uint40 recordDate, uint64 entitled, uint64 owed
    );

    /// @notice The taker met `amount` of what he owed of income; `left` of it.
    event IncomePaid(bytes32 indexed pledgeId, uint64 amount, uint64 left);

    /// @notice Of the units that the taker owed, `quantity` were set off at `value`.
    event SetOff(bytes32 indexed pledgeId, uint64 quantity, uint64 value);

    /// @notice `quantity` units of this pledge were taken by one further down: its taker owes as many to its giver.
    event EquivalentOwed(bytes32 indexed pledgeId, uint64 quantity);

    /// @notice The taker gave `quantity` of the units that he owed. `settlementId`: the DvP settlement; 0: none.
    event Returned(bytes32 indexed pledgeId, uint64 quantity, bytes32 settlementId);

    /// @notice The officer wants the pledge ended; the confirmer may do it after `from`.
    event LongStopProposed(bytes32 indexed pledgeId, uint40 from);

    /// @notice `party` used a number, or burnt it.
    event NonceUsed(address indexed party, uint256 nonce);

    /// @notice Cap of re-use and floor of sale are at most the whole.
    error ShareTooHigh(bytes32 agreementId, uint24 actual, uint24 limit);

    /// @notice Chains have at most `limit` links after the first.
    error DepthTooGreat(bytes32 agreementId, uint8 actual, uint8 limit);

    /// @notice The term has ended before it begins, or ends too far away.
    error BadTerm(bytes32 agreementId, uint40 until, uint40 limit);

    /// @notice Both signed it before.
    error AgreementExists(bytes32 agreementId);

    /// @notice No such agreement was opened.
    error UnknownAgreement(bytes32 agreementId);

    /// @notice Parties, mode and currency are for life.
    error NotAmendable(bytes32 agreementId);

    /// @notice The amendment came too late.
    error AmendmentExpired(bytes32 agreementId, uint40 by);

    /// @notice These parties signed this amendment, or recorded this payment or settlement, before.
    error AlreadyUsed(bytes32 id);

    /// @notice The pledge was made before.
    error PledgeExists(bytes32 pledgeId);

    /// @notice No such pledge was made.
    error UnknownPledge(bytes32 pledgeId);

    /// @notice `caller` is not the one who may do this; once a wallet has an heir, the heir.
    error NotActing(address caller, address expected);

    /// @notice At least one base unit is needed.
    error NoQuantity(bytes32 id);

    /// @notice The agreement is of the other mode.
    error WrongMode(bytes32 agreementId, Mode actual);

    /// @notice An agreement's collateral is of at most `limit` securities at a time.
    error TooManyTokens(bytes32 agreementId, uint256 limit);

    /// @notice More units than are pledged, or owed.
    error InsufficientPledge(bytes32 pledgeId, uint64 actual, uint64 needed);

    /// @notice Of the units, `reused` would be pledged on, more than `limit`: bring some back first.
    error ReuseExceeded(bytes32 pledgeId, uint64 reused, uint64 limit);

    /// @notice The chain may not be longer.
    error DepthExceeded(bytes32 pledgeId, uint8 depth, uint8 limit);

    /// @notice The pledge's term is over: it cannot be pledged on.
    error TermEnded(bytes32 pledgeId, uint256 time, uint40 until);

    /// @notice The security does not let `taker` hold it now.
    error TakerNotEligible(bytes32 pledgeId, address taker);

    /// @notice The valuation is of the future, or not newer than the latest one.
    error BadAsOf(bytes32 agreementId, uint40 asOf, uint40 after_, uint256 time);

    /// @notice The latest valuation counts no more; `valuedAt` 0: there is none.
    error StaleValuation(bytes32 agreementId, uint40 valuedAt, uint32 maxAge);

    /// @notice The latest valuation does not name the security, or, for enforcement, names no price above 0.
    error NotValued(bytes32 agreementId, address token);

    /// @notice A haircut is at most the whole.
    error HaircutTooHigh(bytes32 agreementId, address token, uint24 actual, uint24 limit);

    /// @notice What remains would not cover what is required.
    error NotCovered(bytes32 agreementId, uint256 required, uint256 covered);

    /// @notice There is no ground: collateral and cash cover, and nothing is due.
    error Covered(bytes32 agreementId, uint256 required, uint256 covered);

    /// @notice The agreement does not allow it.
    error NotAgreed(bytes32 agreementId);

    /// @notice No default is declared.
    error NoDefault(bytes32 agreementId);

    /// @notice A default is declared, enforceable after `from`.
    error InDefault(bytes32 agreementId, uint40 from);

    /// @notice More would be taken than is owed.
    error ExceedsExposure(bytes32 agreementId, uint256 value, uint256 owed);

    /// @notice The order is not of this contract's units of the pledge, as a whole and by itself.
    error NotForSale(bytes32 pledgeId, bytes32 settlementId);

    /// @notice No such sale is open.
    error UnknownSale(bytes32 settlementId);

    /// @notice The sale is not where this call needs it.
    error SaleNotEnded(bytes32 settlementId, IDvP.Status actual);

    /// @notice The token did not give the units back to their holder.
    error NotRestored(bytes32 settlementId);

    /// @notice The taker owes less income than that.
    error InsufficientClaim(bytes32 pledgeId, uint64 actual, uint64 needed);

    /// @notice The new collateral's attested value is below that of the old.
    error WorthLess(bytes32 agreementId, uint256 value, uint256 needed);

    /// @notice More cash would be returned than the taker has.
    error InsufficientCredit(bytes32 agreementId, uint64 actual, uint64 needed);

    /// @notice Cash is proved by DvP's present epoch.
    error NotPresentEpoch(bytes32 agreementId, uint32 actual, uint32 expected);

    /// @notice The settlement is not Settled, or not between these two, or of another security.
    error NotThisSettlement(bytes32 id, bytes32 settlementId, IDvP.Status status);

    /// @notice A valuation came after the long stop was proposed, and shows a debt: the pledge secures it still.
    error StillOwed(bytes32 agreementId, uint64 exposure, uint64 credit);

    /// @notice The party used this number before.
    error ActUsed(address party, uint256 nonce);

    /// @notice The act came too late.
    error ActExpired(address party, uint256 nonce, uint40 by);

    /// @notice The act is to be run with others than these, whose {ICollateralRegister-togetherOf} is `expected`.
    error ActNotTogether(address party, uint256 nonce, bytes32 actual, bytes32 expected);

    /// @notice The signature is not the party's over this act, for this contract on this chain.
    error ActNotSigned(address party, uint256 nonce);
}
