//! What a member's internal port says.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::ledger::{Ledger, until};

/// How long one look may take; a process that is stopped takes a connection and says nothing.
const LOOK: Duration = Duration::from_secs(5);

impl Ledger {
    /// Where a member's probes and metrics are, by its configuration file.
    pub(crate) fn internal_address(&self, member: usize) -> String {
        let file = self.bureau_dir(member).join("munimentd.toml");
        let table: toml::Table =
            std::fs::read_to_string(file).expect("its configuration").parse().expect("TOML");
        table["internal"]["listen"].as_str().expect("an address").to_owned()
    }

    /// A member's metrics by name and labels; none when its port is closed or silent.
    pub(crate) async fn try_metrics(&self, member: usize) -> Option<BTreeMap<String, f64>> {
        let address = self.internal_address(member);
        let asked = async {
            let mut stream = TcpStream::connect(address).await.ok()?;
            let request = b"GET /metrics HTTP/1.1\r\nhost: node\r\nconnection: close\r\n\r\n";
            stream.write_all(request).await.ok()?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.ok()?;
            Some(answer)
        };
        let answer = timeout(LOOK, asked).await.ok().flatten()?;
        let value = |line: &str| {
            let (name, value) = line.rsplit_once(' ')?;
            Some((name.to_owned(), value.parse().ok()?))
        };
        answer.contains("# EOF").then(|| answer.lines().filter_map(value).collect())
    }

    /// One metric of a member that answers.
    pub(crate) async fn metric(&self, member: usize, name: &str) -> f64 {
        let metrics = until(async || self.try_metrics(member).await).await;
        *metrics.get(name).unwrap_or_else(|| panic!("{name} is none of {:?}", metrics.keys()))
    }
}
