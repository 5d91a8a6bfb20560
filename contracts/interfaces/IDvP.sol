// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Delivery versus payment, the asset's side
/// @notice lock → settle | give back. The cash moves in a payment system that this contract cannot see. A quorum
/// of synchronisation agents signs what that system said: the one outcome, PAID or NEVER, of a settlement.
///
/// @dev What always holds:
/// 1. A status only ever moves None → Locked → Paid → Settled, Locked → Settled, or Locked → GivenBack.
/// 2. Settled and GivenBack are final, and no lane (seller, nonce) is used twice.
/// 3. Units leave a lock to the order's buyer only with a proof of PAID, and return to the seller only with a
///    proof of NEVER. No one has a privilege here: whoever holds a proof may present it.
/// 4. Once Locked, nothing that a registrar, issuer or operator does blocks {settle} or {giveBack}, and neither
///    do deadlines, which are judged at the lock and by the payment system.
/// 5. Each open lock equals an earmark of the same seller, quantity and security.
///
/// Assumed for safety: fewer agents are faulty than it takes to sign two outcomes (2 * quorum - agents > faulty,
/// enforced at deployment), and honest agents sign an outcome, PAID or NEVER, only for a settlement id that they
/// read from a {Locked} event of this contract. The second is why 120 bits of the id suffice in storage: a proof
/// binds the whole id, a lane is locked once, and so an order that merely shares seller, nonce and prefix with
/// the locked one never gets a proof.
/// Assumed for liveness only: a quorum of agents answers.
/// Assumed of a token: nothing here; both parties sign its address. A hostile token harms who signs for it.
interface IDvP {
    /// @notice Where a settlement stands.
    /// @dev None: nothing locked under this seller and nonce. Locked: the seller's units are earmarked. Paid: the
    /// outcome PAID is recorded, units still to be delivered; only Settled can follow. Settled: delivered to the
    /// buyer; final. GivenBack: free again for the seller; final.
    enum Status {
        None,
        Locked,
        Paid,
        Settled,
        GivenBack
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
    /// @param cashHash salted hash of the cash terms.
    /// @param lockBy last second, inclusive, for the lock (UTC, seconds since 1970).
    /// @param payBy last second, inclusive, for the booking in the payment system, which judges it.
    struct Terms {
        bytes32 tradeId;
        uint32 part;
        bytes32 cashHash;
        uint40 lockBy;
        uint40 payBy;
    }

    /// @notice What both parties sign.
    struct Order {
        Movement movement;
        Terms terms;
    }

    /// @notice The agents' signatures over one outcome.
    /// @param quorum how many must sign; the epoch's hash commits to it.
    /// @param signers bit i is set if the epoch's agent i signed.
    /// @param signatures 64 bytes (EIP-2098) per signer, in the order of the agents.
    /// @param absent the agents who did not sign, in order: with the recovered ones they are the whole epoch.
    struct Proof {
        uint8 quorum;
        uint8 signers;
        bytes signatures;
        address[] absent;
    }

    /// @notice A set of agents begins to serve; orders name it by its number.
    event EpochStarted(uint32 indexed epoch, bytes32 epochHash, uint8 quorum, uint8 faulty, address[] agents);

    /// @notice The seller's units are earmarked. The whole order is here: agents and a rebuild need nothing else.
    event Locked(
        bytes32 indexed settlementId, bytes32 indexed tradeId, address indexed token, Movement movement, Terms terms
    );

    /// @notice The outcome PAID is recorded; the units are still to be delivered.
    event PaidRecorded(bytes32 indexed settlementId, address indexed seller, uint64 nonce);

    /// @notice The units were delivered to the buyer.
    event Settled(bytes32 indexed settlementId, address indexed seller, uint64 nonce);

    /// @notice The units are free again for the seller.
    event GivenBack(bytes32 indexed settlementId, address indexed seller, uint64 nonce);

    /// @notice More than `limit` agents, or none.
    error BadAgentCount(uint256 actual, uint256 limit);

    /// @notice Agents must be strictly ascending, which excludes zero and doubles.
    error AgentsNotAscending(uint256 index, address previous, address agent);

    /// @notice quorum ≤ agents and 2 * quorum - agents > faulty do not both hold: two halves could split.
    error UnsafeQuorum(uint256 agents, uint8 quorum, uint8 faulty);

    /// @notice The order came too late.
    error LockByPassed(bytes32 settlementId, uint256 time, uint40 lockBy);

    /// @notice The order asks for the payment before the lock.
    error PayByBeforeLockBy(bytes32 settlementId, uint40 payBy, uint40 lockBy);

    /// @notice The order names other agents than those who serve now.
    error NotCurrentEpoch(bytes32 settlementId, uint32 actual, uint32 expected);

    /// @notice An order moves at least one base unit.
    error ZeroQuantity(bytes32 settlementId);

    /// @notice A trade with oneself delivers nothing.
    error SameParty(bytes32 settlementId, address party);

    /// @notice No contract stands at the order's token.
    error NoToken(bytes32 settlementId, address token);

    /// @notice The seller's nonce was used: by this very order if `prefix` starts `settlementId`, else by another.
    error NonceUsed(bytes32 settlementId, address seller, uint64 nonce, Status status, bytes15 prefix);

    /// @notice The signature is not `party`'s over this order, for this contract on this chain.
    error InvalidSignature(bytes32 settlementId, address party);

    /// @notice The presented movement and terms are not those locked under the seller's nonce.
    error OrderMismatch(bytes32 settlementId, bytes15 actual, bytes15 expected);

    /// @notice The settlement is not where this call needs it.
    error WrongStatus(bytes32 settlementId, Status actual, Status expected);

    /// @notice The settlement ended before; nothing was done, and nothing needs doing.
    error AlreadyEnded(bytes32 settlementId, Status actual, Status expected);

    /// @notice Signatures are not 64 bytes each, or the bitmap does not fit them and the absent.
    error MalformedProof(bytes32 settlementId, uint256 signaturesLength, uint256 absent, uint8 signers);

    /// @notice Too few agents signed.
    error QuorumNotReached(bytes32 settlementId, uint256 signed, uint256 quorum);

    /// @notice Signers, absent and quorum are not the order's epoch: a signature is forged, or made for another
    /// outcome, settlement, contract, chain or epoch.
    error ProofNotFromEpoch(bytes32 settlementId, bytes32 actual, bytes32 expected);

    /// @notice Earmarks the seller's units. Anyone may submit what both parties signed.
    /// @dev Emits {Locked}. Requirements: `lockBy` has not passed; `payBy` ≥ `lockBy`; the epoch is current;
    /// seller ≠ buyer; quantity > 0; the seller's nonce is unused; both signatures hold; the token finds both
    /// eligible and the units free.
    /// @param sellerSignature 64 bytes (EIP-2098) or 65 (r, s, v), low s; or any, judged by the wallet (ERC-1271).
    /// @param buyerSignature as the seller's.
    /// @return id the settlement id.
    function lock(Order calldata order, bytes calldata sellerSignature, bytes calldata buyerSignature)
        external
        returns (bytes32 id);

    /// @notice Delivers the units to the buyer. Anyone may present the proof.
    /// @dev Emits {Settled}. Requirements: Locked and `proof` is of PAID; or Paid, when `proof` is not read and may
    /// be empty.
    /// @param hashOfTerms hash of the order's terms, see {termsHash}.
    function settle(Movement calldata movement, bytes32 hashOfTerms, Proof calldata proof) external;

    /// @notice Records PAID without touching the token, should the token be in trouble: bars {giveBack} for good.
    /// @dev Emits {PaidRecorded}. Requirements: Locked; `proof` is of PAID.
    function recordPaid(Movement calldata movement, bytes32 hashOfTerms, Proof calldata proof) external;

    /// @notice Frees the units for the seller. Anyone may present the proof.
    /// @dev Emits {GivenBack}. Requirements: Locked; `proof` is of NEVER.
    function giveBack(Movement calldata movement, bytes32 hashOfTerms, Proof calldata proof) external;

    /// @notice The id of a settlement is the EIP-712 digest that both parties sign: it covers chain id, this
    /// contract's address and the whole order.
    function settlementId(Order calldata order) external view returns (bytes32);

    /// @notice EIP-712 struct hash of the terms.
    function termsHash(Terms calldata terms) external pure returns (bytes32);

    /// @notice What an agent signs. `result`: 1 PAID, 2 NEVER.
    function outcomeDigest(bytes32 id, uint8 result, uint32 epoch) external view returns (bytes32);

    /// @notice Status and first 15 bytes of the id that used the seller's nonce.
    function statusOf(address seller, uint64 nonce) external view returns (Status status, bytes15 prefix);

    /// @notice Status of the settlement `id`; None if the seller's nonce was used by another or by none.
    function statusOfSettlement(bytes32 id, address seller, uint64 nonce) external view returns (Status);

    /// @notice keccak256(abi.encode(uint32 epoch, uint8 quorum, address[] agents)); zero: no such epoch.
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
