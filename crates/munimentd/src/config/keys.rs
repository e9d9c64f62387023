//! The table of keys.

/// The form of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// A path; relative ones are taken from the working directory.
    Path,
    /// Bureau numbers with paths: a table, or `1=path,2=path`.
    Paths,
    /// `address:port` to listen on.
    Listen,
    /// Node ids with addresses: a table, or `2=host:port,3=host:port`.
    Addresses,
    /// A number.
    Number,
    /// One of these words.
    Word(&'static [&'static str]),
}

/// One key of the configuration.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Key {
    /// Its name; a dot separates a table of the file from the key in it.
    pub(crate) name: &'static str,
    pub(crate) form: Form,
    /// Its default; none = it must be given.
    pub(crate) default: Option<&'static str>,
    pub(crate) help: &'static str,
}

const fn key(name: &'static str, form: Form, default: Option<&'static str>, help: &'static str) -> Key {
    Key { name, form, default, help }
}

/// Every key, in the order in which a file reads well.
pub(crate) const KEYS: &[Key] = &[
    key("data", Form::Path, None, "The node's own data directory, made by `munimentd init`."),
    key("founding", Form::Path, None, "The ledger's founding file, the same on every member."),
    key("node", Form::Number, None, "This node's id: its founder's position in the founding file, from 1."),
    key("keys", Form::Path, None, "Directory of the node's signing keys, made by `munimentd keys`."),
    key(
        "network",
        Form::Word(&["lan", "wan"]),
        Some("lan"),
        "lan: heartbeat 100 ms, election 400-500 ms. wan: 150 and 600-750 ms, for members up to 100 ms apart.",
    ),
    key(
        "crls",
        Form::Paths,
        Some(""),
        "Certificate revocation lists, PEM or DER, by the number of the bureau whose CA made them. Read again, like certificates and keys, within 2 s of a change and on SIGHUP.",
    ),
    key("submit_timeout_ms", Form::Number, Some("10000"), "How long a submission is tried and waited for."),
    key("seal_interval_ms", Form::Number, Some("200"), "Longest time between seals while the ledger grows."),
    key(
        "seal_interval_min_ms",
        Form::Number,
        Some("5"),
        "Shortest time between seals while somebody waits for cosignatures.",
    ),
    key(
        "client.listen",
        Form::Listen,
        Some("0.0.0.0:7443"),
        "Where services call: gRPC over TLS, client certificates.",
    ),
    key("client.certificate", Form::Path, None, "The node's certificate chain for that port, PEM."),
    key("client.key", Form::Path, None, "Its private key, PEM."),
    key(
        "client.handshake_timeout_ms",
        Form::Number,
        Some("10000"),
        "How long a TLS handshake of that port may take, and how long its caller may say nothing after it.",
    ),
    key(
        "client.handshakes_max",
        Form::Number,
        Some("256"),
        "Unfinished TLS handshakes; at the bound one of over a second gives way, else who comes is closed.",
    ),
    key(
        "client.connections_max",
        Form::Number,
        Some("4096"),
        "Open connections in all; each takes a file descriptor, so keep the process's limit well above.",
    ),
    key("client.connections_per_bureau_max", Form::Number, Some("1024"), "Open connections of one bureau."),
    key(
        "client.anonymous_connections_max",
        Form::Number,
        Some("0"),
        "Open connections without a certificate, which reach health and reflection only; 0 lets none in.",
    ),
    key(
        "peer.listen",
        Form::Listen,
        Some("0.0.0.0:7444"),
        "Where other members call: mutual TLS, node certificates only.",
    ),
    key("peer.certificate", Form::Path, None, "The node's certificate chain for that port, PEM."),
    key("peer.key", Form::Path, None, "Its private key, PEM."),
    key(
        "peer.addresses",
        Form::Addresses,
        Some(""),
        "Where members are reached, by node id, instead of at the founding file's addresses.",
    ),
    key(
        "internal.listen",
        Form::Listen,
        Some("127.0.0.1:7445"),
        "Plain HTTP for probes and metrics (/livez, /readyz, /metrics), cluster-internal.",
    ),
    key(
        "disk.reserve_bytes",
        Form::Number,
        Some("268435456"),
        "Bytes kept free; below, submissions are answered STORAGE_FULL.",
    ),
    key("disk.log_segment_bytes", Form::Number, Some("67108864"), "Bytes of one Raft log segment."),
    key(
        "disk.log_keep_bytes",
        Form::Number,
        Some("1073741824"),
        "Bytes of Raft log kept for members that were away.",
    ),
    key(
        "rate.records_per_second",
        Form::Number,
        Some("200000"),
        "Records a second of one bureau, at least 1; counted by each node for its clients, and by the leader again.",
    ),
    key(
        "rate.bytes_per_second",
        Form::Number,
        Some("268435456"),
        "Record bytes a second of one bureau, at least 1; counted likewise.",
    ),
    key(
        "log.format",
        Form::Word(&["text", "json"]),
        Some("text"),
        "How the node's log is written to stderr.",
    ),
];

impl Key {
    /// The key of a name.
    pub(crate) fn find(name: &str) -> Option<&'static Self> {
        KEYS.iter().find(|key| key.name == name)
    }

    /// Its environment variable.
    pub(crate) fn variable(&self) -> String {
        format!("MUNIMENT_{}", self.name.replace('.', "_").to_uppercase())
    }

    /// What a value must look like, in words.
    pub(crate) fn expected(&self) -> String {
        match self.form {
            Form::Path => "a path".to_owned(),
            Form::Paths => "bureau numbers with paths".to_owned(),
            Form::Listen => "address:port".to_owned(),
            Form::Addresses => "node ids with host:port".to_owned(),
            Form::Number => "a number without a unit".to_owned(),
            Form::Word(words) => format!("one of {}", words.join(", ")),
        }
    }

    /// Whether a value has the key's form.
    pub(crate) fn accepts(&self, value: &str) -> bool {
        match self.form {
            Form::Path => !value.is_empty(),
            Form::Paths | Form::Addresses => true,
            Form::Listen => value.parse::<std::net::SocketAddr>().is_ok(),
            Form::Number => value.parse::<u64>().is_ok(),
            Form::Word(words) => words.contains(&value),
        }
    }
}
