// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ICollateral} from "./ICollateral.sol";
import {IDvP} from "./IDvP.sol";
import {IParticipantRegistry} from "./IParticipantRegistry.sol";

/// @title Collateral: pledges in place, re-use, enforcement, title transfer
/// @notice Under a security interest the units stay the giver's, earmarked in this contract's lane; under a title
/// transfer they become the taker's, who owes as many back. What is owed, and what collateral is worth, a quorum of
/// valuers says, which both parties agreed on.
///
/// @dev What always holds:
/// 1. The units of open root pledges are, per holder and security, exactly those that this contract has earmarked
///    and those that it has out for sale; and a unit becomes free or another's only as its pledge shrinks by it.
/// 2. A pledge of re-used units is of its parent's taker, and of units that its parent holds: Σ children ≤
///    floor(cap * quantity of the parent), before and after every act. So each unit has at most one claim per link of
///    its chain, and Σ claims at depth k ≤ the earmark times the product of the caps above (docs: re-use-bound).
/// 3. A pledge shrinks by its taker's act; by its giver's, where attested values still cover; by enforcement, after
///    a default that attested values show, at attested value and never beyond what is owed; or by the long stop.
///    What was re-used comes back first, in each of them.
/// 4. Who loses units by the enforcement of a pledge further down has a claim for as many on his taker, and so on
///    down the chain. The claim counts as his collateral until it is met or set off.
/// 5. Nobody's duty grows but by his own act or signature, the agreement's included: under it the giver delivers, and of
///    title that he gets the taker owes as much. Who may act is the wallet, or once the registry names its
///    heir, the heir alone. What would burden anyone anew is refused on a chain that changed its id.
/// 6. No pledge is without an end: with live valuers the giver needs no consent for what is not needed as cover;
///    without them, or once nothing is owed, officer and confirmer end it after its last day. A pledge of re-used units ends no later than
///    its parent, and none is made after that day.
///
/// Units out for sale are in this contract's or DvP's hands, and pledged all the while.
///
/// A pledge's last day, cap and depth are those of the agreement when it was made, at most its parent's: a later
/// amendment does not change what others, up and down the chain, rely on.
///
/// Whoever may act can have the act submitted by another: {run} takes his signature over the very call, a number that
/// is used once and a last second. Acts of several parties can be run as one, all or none: an unwinding from the last
/// taker back to the first, a substitution by consent, a move to another agreement. Whether an act counts only as one of
/// these is in what its party signs, never the caller's choice.
///
/// Valuers are given as the hash that {IDvP-epochHash} has of an epoch of number 0, with quorum and agents; they prove
/// as {IDvP} says. A valuation counts for `maxAge` seconds from its as-of time, and only the latest one does. A
/// security that it does not name is worth nothing.
///
/// Assumed for safety: no quorum of valuers lies, of an agreement's own; of DvP's present agents none on payments;
/// officer and confirmer are not both dishonest while a debt is there that no valuer attests.
/// Assumed for liveness only: a quorum of valuers answers, or officer and confirmer do.
/// Assumed of a token: nothing. Who pledges it or takes a pledge in it depends on it; no other pledge does.
interface ICollateralRegister is ICollateral {
    /// @notice Registers what both parties signed. Anyone may submit it.
    /// @dev Emits {Agreed}. Requirements: parties differ; cap and floor ≤ 1,000,000; depth ≤ {MAX_DEPTH}; `until` has
    /// not passed and is at most {MAX_TERM} away; both signatures hold; the chain's id is that of the deployment.
    /// @param giverSignature over the agreement (EIP-712), as in {IDvP-lock}; so is the taker's.
    /// @return agreementId the digest that both signed.
    function open(Agreement calldata agreement, bytes calldata giverSignature, bytes calldata takerSignature)
        external
        returns (bytes32 agreementId);

    /// @notice Puts other terms in place of an agreement's, its id and pledges staying.
    /// @dev Emits {Agreed}. Requirements: as for {open}; parties, mode and currency stay; both signed
    /// Amendment(agreementId, next, by) as they act now, and this for the first time; `by` has not passed.
    /// @param by the last second, inclusive: who signs first does not leave the other a choice for ever.
    function amend(
        bytes32 agreementId,
        Agreement calldata next,
        uint40 by,
        bytes calldata giverSignature,
        bytes calldata takerSignature
    ) external;

    /// @notice Pledges the giver's free units, or transfers title to them; so does a top-up.
    /// @dev Emits {Pledged} or {TitleTransferred}. Requirements: the giver acts; the chain's id is that of the
    /// deployment; the token finds both eligible and the units free.
    /// @param salt the giver's own: pledges of the same content are told apart by it.
    /// @return pledgeId see {pledgeIdOf}.
    function pledge(bytes32 agreementId, address token, uint64 quantity, bytes32 salt)
        external
        returns (bytes32 pledgeId);

    /// @notice Pledges on what was received: the units stay where they are.
    /// @dev Emits {Pledged}. Requirements: the parent's taker acts and is the agreement's giver; a security interest;
    /// the parent's term has not ended; cap, recall and depth allow it; the security lets the taker hold it; the
    /// chain's id is that of the deployment.
    function repledge(bytes32 parent, bytes32 agreementId, uint64 quantity, bytes32 salt)
        external
        returns (bytes32 pledgeId);

    /// @notice Gives up the claim on `quantity` units.
    /// @dev Emits {Released}. Requirements: the taker acts; what remains still holds what he pledged on.
    function release(bytes32 pledgeId, uint64 quantity) external;

    /// @notice Takes back what is not needed as cover.
    /// @dev Emits {Released}. Requirements: the giver acts; the valuation counts; what remains covers what is
    /// required, or the exposure alone once a declared default can be enforced; no default is declared that cannot
    /// be yet; what remains still holds what the taker pledged on.
    function releaseExcess(bytes32 pledgeId, uint64 quantity) external;

    /// @notice Pledges other units in place of `quantity` of `oldPledge`: new in, then old out.
    /// @dev Emits {Pledged} and {Released}. Requirements: as for {pledge} and {release}, but the giver acts, and in
    /// place of the taker's consent: the agreement allows it, the valuation counts and names both securities, and
    /// after haircuts the new units are worth what the old are; no default is declared. With the taker's consent,
    /// {run} does both acts as one.
    function substitute(bytes32 oldPledge, uint64 quantity, address token, uint64 newQuantity, bytes32 salt)
        external
        returns (bytes32 pledgeId);

    /// @notice Says how many units are not to be pledged on any more; 0: the recall is over.
    /// @dev Emits {Recalled}. Requirements: the giver acts.
    /// @param by when they are to be back, for the record.
    function recall(bytes32 pledgeId, uint64 quantity, uint40 by) external;

    /// @notice Records what a quorum of the agreement's valuers signed. Anyone may present it.
    /// @dev Emits {Valued}. Requirements: newer than the latest, not of the future, still counting; haircuts ≤ the whole.
    function value(Valuation calldata valuation, bytes calldata proof) external;

    /// @notice Counts a payment between the parties. Anyone may present it.
    /// @dev Emits {CashRecorded}; of income {IncomePaid} before it. Requirements: proved by DvP's present epoch, once; no
    /// more comes back than is there; of a sale, it has ended, and counts beyond what was credited; for income, it is a
    /// payment to the giver, on a pledge of the agreement, of no more than is owed.
    function recordCash(Cash calldata cash, bytes calldata proof) external;

    /// @notice Begins the way to enforcement.
    /// @dev Emits {DefaultDeclared}. Requirements: the taker acts; no default is declared; the valuation counts; it
    /// shows less cover than is required, or after the term, that anything is owed.
    function declareDefault(bytes32 agreementId) external;

    /// @notice Ends a default: its ground is gone, or the taker withdraws it.
    /// @dev Emits {DefaultEnded}. Requirements: a default is declared; the taker acts, or the valuation counts and
    /// shows no ground.
    function endDefault(bytes32 agreementId) external;

    /// @notice Takes pledged units at their attested price, before the haircut, rounded against the taker.
    /// @dev Emits {Appropriated}, and {EquivalentOwed} for each pledge above. Requirements: the taker acts; the
    /// agreement allows it; a default is declared and its periods are over; the valuation counts and names the
    /// security; the value is within what is owed and not out for sale; what remains still holds what the taker
    /// pledged on.
    function appropriate(bytes32 pledgeId, uint64 quantity) external;

    /// @notice Sets units that the taker owes off against what he is owed, at their attested price.
    /// @dev Emits {SetOff}. Requirements: as for {appropriate}, of units owed; the agreement always allows it.
    function setOff(bytes32 pledgeId, uint64 quantity) external;

    /// @notice Sells pledged units through DvP: they come to this contract, which locks the order at once as its seller.
    /// @dev Emits {SaleStarted}, in DvP {IDvP-Locked}. Requirements: as for {appropriate}, but the agreement allows
    /// sale; what is for sale at attested prices stays within what is owed; the order's seller is this contract,
    /// which the security lets hold; it moves the pledge's security, as a whole and in no group; the buyer signed it.
    /// @param previous 0; or a sale of the pledge that was given back and whose units, all of them, are sold anew.
    function sell(
        bytes32 pledgeId,
        IDvP.Order calldata order,
        bytes calldata buyerSignature,
        bytes32 previous
    ) external;

    /// @notice Writes down how a sale ended: sold, or the units go back to their holder and under the pledge. Anyone may.
    /// @dev Emits {SaleEnded}; if sold, the floor is credited, and {EquivalentOwed} for each pledge above. Requirements: it is Settled or
    /// GivenBack; if the latter, the token lets the units go back.
    function endSale(bytes32 settlementId) external;

    /// @notice Records income as the valuers say. Anyone may present it.
    /// @dev Emits {IncomeRecorded}. Requirements: proved by the agreement's valuers, once for a pledge.
    function recordIncome(Income calldata income, bytes calldata proof) external;

    /// @notice Says that the taker met `amount` of what he owed of income.
    /// @dev Emits {IncomePaid}. Requirements: the giver acts; as much is owed.
    function acknowledgeIncome(bytes32 pledgeId, uint64 amount) external;

    /// @notice Gives the taker's free units to the giver, for units that are owed.
    /// @dev Emits {Returned}. Requirements: the taker acts; as many are owed; the token finds both eligible and the units
    /// free.
    function returnUnits(bytes32 pledgeId, uint64 quantity) external;

    /// @notice Records that a settled DvP order transferred title under the agreement.
    /// @dev Emits {TitleTransferred}. Requirements: the taker acts; title transfer; the order is Settled, from the
    /// giver to the taker, and counts for the first time.
    function recordTitle(bytes32 agreementId, IDvP.Order calldata order) external returns (bytes32 pledgeId);

    /// @notice Records that a settled DvP order gave back units that are owed.
    /// @dev Emits {Returned}. Requirements: the giver acts; the order is Settled, of the pledge's security, from the
    /// taker to the giver, of no more than is owed, and counts for the first time.
    function recordReturn(bytes32 pledgeId, IDvP.Order calldata order) external;

    /// @notice Begins the end of a pledge whose taker and valuers are silent for good, or by which nothing is owed and
    /// which those who could release it do not.
    /// @dev Emits {LongStopProposed}. Requirements: the caller is DvP's officer; {GRACE} has passed since the term;
    /// not proposed before in this epoch, unless a valuation has come since that shows a debt.
    function proposeLongStop(bytes32 pledgeId) external;

    /// @notice Ends it: all of the pledge is released.
    /// @dev Emits {Released}. Requirements: the caller is DvP's confirmer; {CHALLENGE} has passed since the proposal,
    /// made in this epoch; no valuation has come since that shows a debt; nothing of it is pledged on.
    function confirmLongStop(bytes32 pledgeId) external;

    /// @notice Makes acts of parties in their order, all or none. Ends in the error of the one that fails.
    /// @dev Emits {NonceUsed} for each that is signed. Requirements: the caller is the party, or the party signed
    /// Act(party, call, nonce, by, together), `by` has not passed, the party has not used the nonce, and `together` is 0 or
    /// {togetherOf} these acts.
    function run(Act[] calldata acts) external;

    /// @notice What a party signs so that its act counts only as one of these, in this order: keccak256 over
    /// keccak256(party, keccak256(call)) of each, a word each.
    function togetherOf(Act[] calldata acts) external pure returns (bytes32);

    /// @notice Burns a number of the caller's: what he signed under it can be run no more.
    /// @dev Emits {NonceUsed}. Requirements: it is not used.
    function burnNonce(uint256 nonce) external;

    /// @notice ERC-1271: this contract signs, as a seller, just the orders of its sales.
    function isValidSignature(bytes32 hash, bytes calldata signature) external view returns (bytes4);

    /// @notice A sale by its settlement's id; zeros if there is none.
    function saleOf(bytes32 settlementId) external view returns (Sale memory);

    /// @notice Income that the pledge's taker owes, minor units.
    function incomeOwedOf(bytes32 pledgeId) external view returns (uint64);

    /// @notice Longest chain after a root.
    // Named as the constant that it reads.
    // slither-disable-next-line naming-convention
    function MAX_DEPTH() external view returns (uint8);

    /// @notice Longest term, in seconds.
    // Named as the constant that it reads.
    // slither-disable-next-line naming-convention
    function MAX_TERM() external view returns (uint40);

    /// @notice Seconds from the last day of a pledge to the first proposal of its long stop.
    // Named as the constant that it reads.
    // slither-disable-next-line naming-convention
    function GRACE() external view returns (uint40);

    /// @notice Seconds from the proposal of a long stop to its confirmation.
    // Named as the constant that it reads.
    // slither-disable-next-line naming-convention
    function CHALLENGE() external view returns (uint40);

    /// @notice The code that this contract runs for values, enforcement, title and the long stop.
    function enforcementCode() external view returns (address);

    /// @notice Where cash and title meet: its officer, confirmer, present epoch and settlements count here.
    function dvp() external view returns (IDvP);

    /// @notice Who says which wallet is another's heir.
    function registry() external view returns (IParticipantRegistry);

    /// @notice The id of an agreement: the EIP-712 digest that both sign.
    function agreementIdOf(Agreement calldata agreement) external view returns (bytes32);

    /// @notice The id of a pledge. `parent`: 0 for a root. `salt` of title by a DvP settlement is the settlement's id.
    function pledgeIdOf(bytes32 agreementId, bytes32 parent, address token, bytes32 salt)
        external
        pure
        returns (bytes32);

    /// @notice The terms of an agreement; zeros if there is none. Salt aside, as signed last.
    function agreementOf(bytes32 agreementId) external view returns (Agreement memory);

    /// @notice Where an agreement stands.
    function stateOf(bytes32 agreementId) external view returns (State memory);

    /// @notice A pledge; zeros if there is none.
    function pledgeOf(bytes32 pledgeId) external view returns (Pledge memory);

    /// @notice The securities that an agreement's collateral is of now.
    function tokensOf(bytes32 agreementId) external view returns (address[] memory);

    /// @notice Units of one security held or owed under an agreement; its attested price and haircut, and as of when.
    function positionOf(bytes32 agreementId, address token)
        external
        view
        returns (uint64 held, uint64 price, uint24 haircut, uint40 pricedAt);

    /// @notice What all collateral of an agreement is worth by its latest valuation, after haircuts; cash aside.
    function coverOf(bytes32 agreementId) external view returns (uint256);

    /// @notice After which second the confirmer may end the pledge; 0 if nobody of this epoch proposed it.
    function longStopFrom(bytes32 pledgeId) external view returns (uint40);

    /// @notice Whether `party` used or burnt `nonce`.
    function isNonceUsed(address party, uint256 nonce) external view returns (bool);

    /// @notice ERC-5267: the EIP-712 domain.
    function eip712Domain()
        external
        view
        returns (
            bytes1 fields,
            string memory name,
            string memory version,
            uint256 chainId,
            address verifyingContract,
            bytes32 salt,
            uint256[] memory extensions
        );
}
