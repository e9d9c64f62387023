//! Who may call what: one row a method, everything else is refused.
//!
//! Checked at ingress, for an early answer. Whether a record may be appended is decided by apply, from the log alone.

use muniment_peer::tls::Role;

/// Who may call a method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Everybody who reaches the port, with or without a certificate.
    Anybody,
    /// Services and administrators of any bureau of the ledger: whose records they may write and read is decided record by
    /// record.
    Clients,
    /// Administrators of any bureau of the ledger.
    Admins,
}

impl Access {
    /// Whether a caller with this role may call; none = no certificate.
    pub(crate) const fn allows(self, role: Option<Role>) -> bool {
        match (self, role) {
            (Self::Anybody, _)
            | (Self::Clients, Some(Role::Client | Role::Admin))
            | (Self::Admins, Some(Role::Admin)) => true,
            (Self::Clients | Self::Admins, None | Some(Role::Node)) | (Self::Admins, Some(Role::Client)) => {
                false
            }
        }
    }
}

/// Every method of the public port.
const TABLE: &[(&str, Access)] = &[
    ("/muniment.v1.LedgerService/Submit", Access::Clients),
    ("/muniment.v1.LedgerService/SubmitBatch", Access::Clients),
    ("/muniment.v1.LedgerService/SubmitStream", Access::Clients),
    ("/muniment.v1.LedgerService/CheckAccess", Access::Clients),
    ("/muniment.v1.LedgerService/EncodeRecord", Access::Clients),
    ("/muniment.v1.LedgerService/GetRecord", Access::Clients),
    ("/muniment.v1.LedgerService/ListRecords", Access::Clients),
    ("/muniment.v1.LedgerService/GetReceipt", Access::Clients),
    ("/muniment.v1.LedgerService/GetInclusionProof", Access::Clients),
    ("/muniment.v1.LedgerService/GetConsistencyProof", Access::Clients),
    ("/muniment.v1.LedgerService/GetCheckpoint", Access::Clients),
    ("/muniment.v1.LedgerService/WatchRecords", Access::Clients),
    ("/muniment.v1.LedgerService/GetStatistics", Access::Clients),
    ("/muniment.v1.LedgerService/GetAuthorisation", Access::Clients),
    ("/muniment.admin.v1.ClusterService/GetStatus", Access::Admins),
    ("/grpc.health.v1.Health/Check", Access::Anybody),
    ("/grpc.health.v1.Health/Watch", Access::Anybody),
    ("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", Access::Anybody),
    ("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", Access::Anybody),
];

/// Who may call the method at a path; none if there is no such method.
pub(crate) fn access_of(path: &str) -> Option<Access> {
    TABLE.iter().find(|(method, _)| *method == path).map(|(_, access)| *access)
}

/// The paths of all methods.
pub(crate) fn methods() -> impl Iterator<Item = &'static str> {
    TABLE.iter().map(|(method, _)| *method)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use prost::Message as _;

    use super::*;

    /// Paths of the methods of all services of a descriptor set.
    fn paths(descriptors: &[u8]) -> BTreeSet<String> {
        let set = prost_types::FileDescriptorSet::decode(descriptors).expect("own descriptors");
        let mut paths = BTreeSet::new();
        for file in &set.file {
            for service in &file.service {
                for method in &service.method {
                    paths.insert(format!("/{}.{}/{}", file.package(), service.name(), method.name()));
                }
            }
        }
        paths
    }

    #[test]
    fn every_method_of_the_schema_has_a_row_and_every_row_a_method() {
        let ours = paths(muniment_proto::FILE_DESCRIPTOR_SET);
        let served = ours.into_iter().filter(|path| !path.starts_with("/muniment.peer."));
        let standard = [
            tonic_health::pb::FILE_DESCRIPTOR_SET,
            tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET,
            tonic_reflection::pb::v1alpha::FILE_DESCRIPTOR_SET,
        ];
        let all: BTreeSet<String> = served.chain(standard.into_iter().flat_map(paths)).collect();
        let rows: BTreeSet<String> = methods().map(str::to_owned).collect();
        assert_eq!(rows, all, "left: this table, right: the schema");
        assert_eq!(rows.len(), TABLE.len(), "each method once");
    }

    #[test]
    fn every_role_may_do_what_its_row_says_and_nothing_else() {
        let roles = [None, Some(Role::Client), Some(Role::Admin), Some(Role::Node)];
        for (method, access) in TABLE {
            let allowed = roles.map(|role| access.allows(role));
            let expected = if method.starts_with("/muniment.v1.") {
                [false, true, true, false]
            } else if method.starts_with("/muniment.admin.") {
                [false, false, true, false]
            } else {
                [true; 4]
            };
            assert_eq!(allowed, expected, "{method}");
        }
        assert_eq!(access_of("/muniment.peer.v1.PeerService/Call"), None, "peers have their own port");
        assert_eq!(access_of("/muniment.v1.LedgerService/submit"), None);
    }
}
