// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Delivery versus payment, the asset's side
/// @notice lock → settle | give back. The cash moves in a payment system that this contract cannot see. A quorum
/// of synchronisation agents signs what that system said: the one outcome, PAID or NEVER, of a settlement.
///
/// @dev What always holds:
/// 1. A status only ever moves None → Locked → Paid → Settled, Locked → Settled, Locked → GivenBack,
///    None → Cancelled, or None → InParts → Cancelled.
/// 2. Settled, GivenBack and Cancelled are final, and no lane (seller, nonce) is used twice.
/// 3. Units leave a lock to the order's buyer only with a proof of PAID, and return to the seller only with a
///    proof of NEVER or by the long stop: two roles, one after the other, long after `payBy`, and only while no
///    proof of PAID was presented. Whoever holds a proof may present it.
/// 4. Once Locked, nothing that a registrar, issuer or operator does blocks {settle} or {giveBack}, and neither
///    do deadlines, which are judged at the lock and by the payment system.
/// 5. Each open lock equals an earmark of the same seller, quantity and security.
///
/// A proof is, packed:
///
///   | quorum, 1 byte | signers, 1 byte | 64 bytes (EIP-2098) per signer | 20 bytes per absent agent |
///
/// Bit i of `signers` says that the epoch's agent i signed. Signers and absent agents stand in the agents' order:
/// recovered and given, they are the whole epoch, whose hash commits to them and to the quorum.
///
/// A chain that comes to go by another id, alone or as one of two halves, is another chain to signatures. Orders are
/// hashed for the id of the deployment, for ever, so what is locked keeps its id; nothing new is locked ({ChainChanged}),
/// so no order counts on two chains. Outcomes are hashed for the id as it is: agents say anew for which chain they mean
/// one, and no proof counts on two.
///
/// Assumed for safety: fewer agents are faulty than it takes to sign two outcomes (2 * quorum - agents > faulty,
/// enforced at deployment), and honest agents sign an outcome, PAID or NEVER, only for a settlement id that they
/// read from a {Locked} event of this contract. Storage keeps 120 bits of the id. Where a proof is needed, it binds
/// the whole id: an order that merely shares seller, nonce and prefix with the locked one never gets one. Where none
/// is, in delivering what is recorded as paid and in the long stop, the record is kept under the whole id: two orders
/// with one prefix, which take about 2^60 hashes, are not mistaken for each other there either. Officer and confirmer
/// act only on an id that they read in {Locked}.
/// For the same reason agents sign one outcome for all orders of a group, and pay a part its share of the cash.
/// Assumed of officer and confirmer: not both are dishonest while a paid settlement waits for its proof longer
/// than {GRACE} and {CHALLENGE}; nor both, and silent agents, for all of {ROTATION_DELAY}.
/// Assumed for liveness only: a quorum of agents answers, or officer and confirmer do.
/// Assumed of a token: nothing here; both parties sign its address. A hostile token harms who signs for it.
interface IDvP {
    /// @notice Where a settlement stands.
    /// @dev None: nothing locked under this seller and nonce. Locked: the seller's units are earmarked. Paid: the
    /// outcome PAID is recorded, units still to be delivered; only Settled can follow. Settled: delivered to the
    /// buyer; final. GivenBack: free again for the seller; final. Cancelled: the order was burnt before a lock, or
    /// before its next part; final. InParts: parts of this order are locked, each under a nonce of its own.
    enum Status {
        None,
        Locked,
        Paid,
        Settled,
        GivenBack,
        Cancelled,
        InParts
    }

    /// @notice What moves, and under which key it is kept.
    /// @param token the security.
    /// @param seller who gives the units; the lane's owner.
    /// @param buyer who gets them.
    /// @param quantity base units, above 0.
    /// @param epoch the set of agents that may prove the outcome.
    /// @param nonce the seller's lane; used once, in any order.
    struct Movement {
        address token;
        address seller;
        address buyer;
        uint64 quantity;
        uint32 epoch;
        uint64 nonce;
    }

    /// @notice What the movement is for; settling carries only its hash.
    /// @param tradeId SHA-256 over the canonical terms of the trade.
    /// @param part which part of the trade; 0 for the whole.
    /// @param minimumLot fewest base units of a part; 0 if the order moves as a whole or not at all.
    /// @param group 0, or {groupOf} the movements that must be locked together with this one.
    /// @param cashHash salted hash of the cash terms, of the whole order also in its parts.
    /// @param lockBy last second, inclusive, for the lock (UTC, seconds since 1970).
    /// @param payBy last second, inclusive, for the booking in the payment system, which judges it.
    struct Terms {
        bytes32 tradeId;
        uint32 part;
        uint64 minimumLot;
        bytes32 group;
        bytes32 cashHash;
        uint40 lockBy;
        uint40 payBy;
    }

    /// @notice What both parties sign.
    struct Order {
        Movement movement;
        Terms terms;
    }

    /// @notice An order with both parties' signatures, as {lock} takes them.
    struct SignedOrder {
        Order order;
        bytes sellerSignature;
        bytes buyerSignature;
    }

    /// @notice One settlement: all of its order that ending it needs.
    /// @param hashOfTerms hash of the order's terms, see {termsHash}.
    struct Leg {
        Movement movement;
        bytes32 hashOfTerms;
    }

    /// @notice Who proves outcomes, and who may end what nobody proves.
    /// @param agents strictly ascending, at most 8.
    /// @param quorum how many of them prove an outcome.
    /// @param faulty how many of them may lie without harm; below 2 * quorum - agents.
    /// @param officer proposes a long stop, or the next epoch.
    /// @param confirmer confirms it after the wait; neither the officer nor an agent, as the officer is none.
    struct Epoch {
        address[] agents;
        uint8 quorum;
        uint8 faulty;
        address officer;
        address confirmer;
    }

    /// @notice A set of agents and roles begins to serve; orders name it by its number.
    event EpochStarted(
        uint32 indexed epoch,
        bytes32 epochHash,
        uint8 quorum,
        uint8 faulty,
        address[] agents,
        address officer,
        address confirmer
    );

    /// @notice The officer proposed the next epoch; the confirmer may start it after `from`.
    event RotationProposed(uint32 indexed epoch, bytes32 rotationHash, uint40 from);

    /// @notice The seller's units are earmarked. The whole order is here: agents and a rebuild need nothing else.
    event Locked(bytes32 indexed settlementId, Movement movement, Terms terms);

    /// @notice What was just {Locked} is a part of `orderId`, which moves `orderQuantity` in all; with this part
    /// `lockedQuantity` of them were ever locked.
    event PartLocked(
        bytes32 indexed settlementId, bytes32 indexed orderId, uint64 orderQuantity, uint64 lockedQuantity
    );

    /// @notice The outcome PAID is recorded; the units are still to be delivered.
    event PaidRecorded(bytes32 indexed settlementId);

    /// @notice The units were delivered to the buyer.
    event Settled(bytes32 indexed settlementId);

    /// @notice The units are free again for the seller.
    event GivenBack(bytes32 indexed settlementId);

    /// @notice The order can never be locked, or no further part of it.
    event OrderCancelled(bytes32 indexed settlementId, address indexed by);

    /// @notice The officer wants the units given back without a proof; the confirmer may do it after `from`.
    event LongStopProposed(bytes32 indexed settlementId, uint40 from);

    /// @notice A batch went on without this settlement. `reason`: at most 256 bytes of the error that it met.
    event LegSkipped(bytes32 indexed settlementId, bytes reason);

    /// @notice More than `limit` agents, or none.
    error BadAgentCount(uint256 actual, uint256 limit);

    /// @notice Agents must be strictly ascending, which excludes zero and doubles.
    error AgentsNotAscending(uint256 index, address previous, address agent);

    /// @notice quorum ≤ agents and 2 * quorum - agents > faulty do not both hold: two halves could split.
    error UnsafeQuorum(uint256 agents, uint8 quorum, uint8 faulty);

    /// @notice Officer and confirmer must be given, be two, and be no agents.
    error RolesNotApart(address role);

    /// @notice `caller` is not the one who may do this.
    error NotInRole(address caller, address expected);

    /// @notice What is confirmed is not what was proposed; zero: nothing was.
    error NotProposed(bytes32 actual, bytes32 expected);

    /// @notice The wait that this needs is not over: it may be done after `from`.
    error TooEarly(uint256 time, uint40 from);

    /// @notice The order came too late.
    error LockByPassed(bytes32 settlementId, uint256 time, uint40 lockBy);

    /// @notice The order asks for the payment before the lock.
    error PayByBeforeLockBy(bytes32 settlementId, uint40 payBy, uint40 lockBy);

    /// @notice The order would stay locked longer than {MAX_LOCK}.
    error PayByTooFar(bytes32 settlementId, uint40 payBy, uint40 limit);

    /// @notice The order names other agents than those who serve now.
    error NotCurrentEpoch(bytes32 settlementId, uint32 actual, uint32 expected);

    /// @notice This chain goes by another id than at the deployment: what is locked can end, nothing new is locked.
    error ChainChanged(bytes32 settlementId, uint256 actual, uint256 expected);

    /// @notice Nonces from `limit` on are those of parts.
    error NonceReserved(bytes32 settlementId, uint64 actual, uint64 limit);

    /// @notice An order moves at least one base unit.
    error ZeroQuantity(bytes32 settlementId);

    /// @notice A trade with oneself delivers nothing.
    error SameParty(bytes32 settlementId, address party);

    /// @notice No contract stands at the order's token.
    error NoToken(bytes32 settlementId, address token);

    /// @notice The seller's nonce was used: by this very order if `prefix` starts `settlementId`, else by another.
    error NonceUsed(bytes32 settlementId, address seller, uint64 nonce, Status status, bytes15 prefix);

    /// @notice The order is to be locked with its group and nothing else.
    error GroupMismatch(bytes32 settlementId, bytes32 actual, bytes32 expected);

    /// @notice The order moves as a whole, names a group, or has a nonce of 2^39 or more; `part` is 0, or 2^24 or more;
    /// or the order is itself a part, which has no minimum lot.
    error NotDivisible(bytes32 settlementId, uint32 part);

    /// @notice A part moves at least the minimum lot, or all that remains, and never more than that.
    error BadPart(bytes32 settlementId, uint64 actual, uint64 minimumLot, uint64 remaining);

    /// @notice Only the two who signed an order can cancel it.
    error NotParty(bytes32 settlementId, address caller);

    /// @notice A long stop of this settlement was proposed; it may be confirmed after `from`.
    error AlreadyProposed(bytes32 settlementId, uint40 from);

    /// @notice The settlements of one proof name one epoch.
    error MixedEpochs(bytes32 settlementId, uint32 actual, uint32 expected);

    /// @notice Leg `index` might lack gas through the caller's fault: nothing of the batch was done.
    error StarvedOfGas(uint256 index, uint256 actual, uint256 expected);

    /// @notice The signature is not `party`'s over this order, for this contract on this chain.
    error InvalidSignature(bytes32 settlementId, address party);

    /// @notice The presented movement and terms are not those locked under the seller's nonce.
    error OrderMismatch(bytes32 settlementId, bytes15 actual, bytes15 expected);

    /// @notice The settlement is not where this call needs it.
    error WrongStatus(bytes32 settlementId, Status actual, Status expected);

    /// @notice The settlement ended before; nothing was done, and nothing needs doing.
    error AlreadyEnded(bytes32 settlementId, Status actual, Status expected);

    /// @notice The proof's length or its bitmap is not as {IDvP} says.
    error MalformedProof(bytes32 settlementId, uint256 length, uint8 signers);

    /// @notice Too few agents signed.
    error QuorumNotReached(bytes32 settlementId, uint256 signed, uint256 quorum);

    /// @notice Signers, absent and quorum are not the order's epoch: a signature is forged, or made for another
    /// outcome, settlement, contract, chain or epoch.
    error ProofNotFromEpoch(bytes32 settlementId, bytes32 actual, bytes32 expected);

    /// @notice Earmarks the seller's units. Anyone may submit what both parties signed.
    /// @dev Emits {Locked}. Requirements: `lockBy` has not passed; `payBy` ≥ `lockBy`, at most {MAX_LOCK} away; the
    /// epoch is current; seller ≠ buyer; quantity > 0; no group; the seller's nonce is below 2^63 and unused; both signatures
    /// hold; the token finds both eligible and the units free.
    /// @param sellerSignature 64 bytes (EIP-2098) or 65 (r, s, v), low s; or any, judged by the wallet (ERC-1271).
    /// @param buyerSignature as the seller's.
    /// @return id the settlement id.
    function lock(Order calldata order, bytes calldata sellerSignature, bytes calldata buyerSignature)
        external
        returns (bytes32 id);

    /// @notice Locks all orders of one group, or none.
    /// @dev Emits {Locked} for each. Requirements: as for {lock}; each order names as its group {groupOf} these
    /// movements, in this order. From PAID on there is only forward, so a group is delivered leg by leg; that all
    /// its payments are booked or none is the agents' to see.
    function lockGroup(SignedOrder[] calldata legs) external;

    /// @notice Locks each order that can be locked; a run of orders with the same group is locked whole or skipped
    /// whole. What was skipped can be tried again.
    /// @dev Emits {Locked} or {LegSkipped} for each. Reverts as a whole only with {StarvedOfGas}.
    function lockBatch(SignedOrder[] calldata legs) external;

    /// @notice Locks a part of an order that both signed as a whole. The seller says which parts: the buyer agreed to
    /// any of at least the minimum lot.
    /// @dev Emits {Locked} and {PartLocked}. The part is the order with `part` and `quantity` in place of its own, no
    /// minimum lot, and the nonce 2^63 + 2^24 * nonce + part, which no order can have and no other order's parts
    /// do; its id is computed, settled and given back as if the parties had signed it so. What was given back of an
    /// order is not locked again: it goes on under a new order. Requirements: as for {lock}, and the order names a
    /// minimum lot; its part is 0, `part` is not; the sum of all parts stays within the order's quantity; the caller is
    /// the seller, or `partSignature` is the seller's over Part(orderId, part, quantity).
    /// @param partSignature as for {lock}; not read if the caller is the seller.
    /// @return id the part's settlement id.
    function lockPart(
        Order calldata order,
        uint32 part,
        uint64 quantity,
        bytes calldata sellerSignature,
        bytes calldata buyerSignature,
        bytes calldata partSignature
    ) external returns (bytes32 id);

    /// @notice Burns the order's nonce before it is locked, or before its next part is. For good.
    /// @dev Emits {OrderCancelled}. Requirements: the caller is the seller, or the buyer with the seller's signature
    /// (else anyone could burn a seller's nonces with orders that the seller never saw).
    /// @param sellerSignature as for {lock}; not read if the caller is the seller.
    function cancelOrder(Order calldata order, bytes calldata sellerSignature) external;

    /// @notice Delivers the units to the buyer. Anyone may present the proof.
    /// @dev Emits {Settled}. Requirements: Locked and `proof` is of PAID; or Paid, when `proof` is not read and may
    /// be empty.
    function settle(Leg calldata leg, bytes calldata proof) external;

    /// @notice Delivers the units of many settlements whose outcome the agents signed at once.
    /// @dev Emits {Settled} for each delivered and {LegSkipped} for each other; what a token refuses is recorded as
    /// paid, {PaidRecorded}, and can be tried again, with the same proof or by {settle} with none. Reverts as a whole
    /// with {StarvedOfGas}. Requirements: all legs name one epoch; `proof` is over {outcomesDigest} of PAID for
    /// exactly these legs, in this order.
    function settleBatch(Leg[] calldata legs, bytes calldata proof) external;

    /// @notice Records PAID without touching the token, should the token be in trouble: bars {giveBack} for good.
    /// @dev Emits {PaidRecorded}. Requirements: Locked; `proof` is of PAID.
    function recordPaid(Leg calldata leg, bytes calldata proof) external;

    /// @notice Frees the units for the seller. Anyone may present the proof.
    /// @dev Emits {GivenBack}. Requirements: Locked; `proof` is of NEVER.
    function giveBack(Leg calldata leg, bytes calldata proof) external;

    /// @notice Begins the end without a proof, should the agents be silent for good.
    /// @dev Emits {LongStopProposed}. Requirements: the caller is the officer; Locked; {GRACE} has passed since
    /// `payBy`; not proposed before in this epoch. The proposal dies with the epoch, whose officer made it.
    function proposeLongStop(Order calldata order) external;

    /// @notice Ends it: frees the units for the seller. A proof of PAID of any age defeats it until then.
    /// @dev Emits {GivenBack}. Requirements: the caller is the confirmer; still Locked; {CHALLENGE} has passed since
    /// the proposal, which was made in this epoch.
    function confirmLongStop(Leg calldata leg) external;

    /// @notice Starts the next epoch on the word of a quorum of the present one. Orders that name an older epoch are
    /// proved by that epoch still; new locks name the new one.
    /// @dev Emits {EpochStarted}. Requirements: `proof` is the present epoch's, over {rotationDigest}; the quorum is
    /// safe; the roles are apart.
    function rotate(Epoch calldata next, bytes calldata proof) external;

    /// @notice Proposes the next epoch without the agents, should they have lost their keys.
    /// @dev Emits {RotationProposed}; replaces an earlier proposal and its wait. Defeated by {rotate}. Requirements:
    /// the caller is the officer.
    function proposeRotation(Epoch calldata next) external;

    /// @notice Starts the proposed epoch. {ROTATION_DELAY} outlasts any lock, so nobody who is locked in sees new agents.
    /// @dev Emits {EpochStarted}. Requirements: the caller is the confirmer; `next` is what was proposed;
    /// {ROTATION_DELAY} has passed since.
    function confirmRotation(Epoch calldata next) external;

    /// @notice The longest time, in seconds, from a lock to its `payBy`.
    // Named as the constant that it reads.
    // slither-disable-next-line naming-convention
    function MAX_LOCK() external view returns (uint40);

    /// @notice Seconds from `payBy` to the first proposal of a long stop: outlasts Easter.
    // Named as the constant that it reads.
    // slither-disable-next-line naming-convention
    function GRACE() external view returns (uint40);

    /// @notice Seconds from the proposal of a long stop to its confirmation.
    // Named as the constant that it reads.
    // slither-disable-next-line naming-convention
    function CHALLENGE() external view returns (uint40);

    /// @notice Seconds from the proposal of an epoch by the officer to its start: more than MAX_LOCK + GRACE + CHALLENGE.
    // Named as the constant that it reads.
    // slither-disable-next-line naming-convention
    function ROTATION_DELAY() external view returns (uint40);

    /// @notice After which second the confirmer may end the settlement or cycle; 0 if nobody of this epoch proposed it.
    function longStopFrom(bytes32 id) external view returns (uint40);

    /// @notice Units of an order in parts that were ever locked.
    function lockedInParts(bytes32 orderId) external view returns (uint64);

    /// @notice keccak256 over the struct hashes of all movements of a group, in its order.
    function groupOf(Movement[] calldata movements) external pure returns (bytes32);

    /// @notice What an agent signs for many settlements at once. `result`: 1 PAID, 2 NEVER.
    function outcomesDigest(bytes32[] calldata ids, uint8 result, uint32 epoch) external view returns (bytes32);

    /// @notice What an agent signs for the next epoch.
    function rotationDigest(Epoch calldata next) external view returns (bytes32);

    /// @notice Who proposes a long stop or an epoch.
    function officer() external view returns (address);

    /// @notice Who confirms it.
    function confirmer() external view returns (address);

    /// @notice The id of a settlement is the EIP-712 digest that both parties sign: it covers the id of the chain that
    /// this contract was deployed on, its address and the whole order.
    function settlementId(Order calldata order) external view returns (bytes32);

    /// @notice EIP-712 struct hash of the terms.
    function termsHash(Terms calldata terms) external pure returns (bytes32);

    /// @notice What an agent signs. `result`: 1 PAID, 2 NEVER.
    function outcomeDigest(bytes32 id, uint8 result, uint32 epoch) external view returns (bytes32);

    /// @notice Status and first 15 bytes of the id that used the seller's nonce.
    function statusOf(address seller, uint64 nonce) external view returns (Status status, bytes15 prefix);

    /// @notice Status of the settlement `id`; None if the seller's nonce was used by another or by none. For those
    /// who took `id` from a {Locked} event: two ids made to share a prefix cannot be told apart here.
    function statusOfSettlement(bytes32 id, address seller, uint64 nonce) external view returns (Status);

    /// @notice keccak256 of number, quorum and agents, a word each; zero: no such epoch.
    function epochHash(uint32 epoch) external view returns (bytes32);

    /// @notice The epoch that new orders must name.
    function currentEpoch() external view returns (uint32);

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
