//! Who calls, as the connection's certificate says.

use muniment_core::BureauNumber;
use muniment_peer::tls::{ConnectionInfo, Role};

use crate::gate::Identified;

/// A caller whose certificate was issued by the CA of its bureau, as that bureau's trust domain names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Caller {
    /// The bureau that it speaks for.
    pub(crate) bureau: BureauNumber,
    /// Its role.
    pub(crate) role: Role,
    /// Its name within the bureau; for logs.
    pub(crate) name: String,
}

impl Identified for ConnectionInfo {
    fn caller(&self) -> Option<Caller> {
        let identity = self.identity.as_ref()?;
        Some(Caller { bureau: identity.bureau, role: identity.role, name: identity.name.clone() })
    }
}
