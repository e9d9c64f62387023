//! Keys of the metadata of google.rpc.ErrorInfo. `docs/errors.md` lists them; a test holds the two together.

/// Declares the table of keys.
macro_rules! keys {
    ($($(#[$doc:meta])* $name:ident $key:literal),+ $(,)?) => {
        $($(#[$doc])* pub const $name: &str = $key;)+

        /// Every key, in the order of the table.
        pub const ALL: &[&str] = &[$($name),+];
    };
}

keys! {
    /// Leaf that was written all the same.
    LEAF_INDEX "leaf_index",
    /// Position, in a `SubmitStream` call, of the item that ended it.
    POSITION "position",
    /// The limit that was passed, in the unit that the message names.
    LIMIT "limit",
    /// What was found instead.
    FOUND "found",
    /// Indexes of all malformed records of a batch, as ranges: "0,4-7".
    MALFORMED "malformed",
    /// How many violations were left out: an error lists 8 at most.
    OMITTED "omitted",
    /// The client's time, milliseconds since 1970 UTC.
    CLIENT_TIME_MS "client_time_ms",
    /// The ledger's time, milliseconds since 1970 UTC.
    LEDGER_TIME_MS "ledger_time_ms",
    /// Node id of the leader, as far as known.
    LEADER_NODE_ID "leader_node_id",
    /// Where services reach the leader, `host:port`.
    LEADER_ADDRESS "leader_address",
    /// Leaves of the tree that the asked node has applied.
    TREE_SIZE "tree_size",
    /// Leaf from which to resume.
    NEXT_LEAF "next_leaf",
}
