//! Three members as processes of their own, each under its bureau's CA: what a service of a bureau gets from them, and what
//! a killed leader costs.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use harness::ledger::access;
use hyper_util::rt::TokioIo;
use muniment_core::founding::Founding;
use muniment_core::trust::TrustFile;
use muniment_core::verify::{Outcome, verify};
use muniment_core::{RequestId, UnixMillis, record};
use muniment_peer::tls::{Credentials, SpiffeId, Trust, client_config};
use muniment_proto::v1;
use muniment_proto::v1::get_record_request::Name;
use muniment_proto::v1::ledger_service_client::LedgerServiceClient;
use rustix::process::{Pid, Signal, kill_process};
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tonic::transport::{Channel, Endpoint};

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(60);
const CODES: [&str; 3] = ["hefei", "bozhou", "wuhu"];

type Client = LedgerServiceClient<Channel>;

/// The members' processes; they end with the test.
struct Ledger {
    dir: tempfile::TempDir,
    founding: Founding,
    members: [Option<Child>; 3],
    serial: u64,
}

impl Drop for Ledger {
    fn drop(&mut self) {
        for child in self.members.iter_mut().flatten() {
            // It may have ended by itself.
            drop(child.kill());
            drop(child.wait());
        }
    }
}

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_munimentd"));
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command
}

impl Ledger {
    async fn begin() -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let made = program().args(["dev", "--files-only", "--data"]).arg(dir.path()).status();
        assert!(made.expect("munimentd runs").success());
        let founding = std::fs::read(dir.path().join("founding")).expect("a founding file");
        let founding = Founding::decode(&founding).expect("it holds");
        let mut ledger = Self { dir, founding, members: [None, None, None], serial: 0 };
        for member in 0..3 {
            ledger.start(member);
        }
        ledger
    }

    fn bureau_dir(&self, member: usize) -> PathBuf {
        self.dir.path().join(CODES[member])
    }

    fn start(&mut self, member: usize) {
        let config = self.bureau_dir(member).join("munimentd.toml");
        let child = program().args(["serve", "--config"]).arg(config).spawn().expect("munimentd runs");
        self.members[member] = Some(child);
    }

    fn kill(&mut self, member: usize) {
        let mut child = self.members[member].take().expect("it runs");
        child.kill().expect("it is ours");
        child.wait().expect("it ends");
    }

    /// A client of a bureau's own, at a member, that insists on the member's certificate.
    async fn client(&self, bureau: usize, member: usize) -> Option<Client> {
        let trust = Trust::of_founding(&self.founding, &std::collections::BTreeMap::new()).expect("CAs");
        let files = self.bureau_dir(bureau);
        let credentials =
            Credentials::load(&files.join("client.pem"), &files.join("client.key")).expect("credentials");
        let contact = &self.founding.founders[member].contact;
        let expected = SpiffeId::node(&contact.trust_domain, CODES[member]);
        let config = client_config(&trust, &credentials, expected).expect("TLS 1.3");
        let address: SocketAddr = contact.client_address.parse().expect("loopback");
        let connect = tower::service_fn(move |_| {
            let connector = TlsConnector::from(Arc::clone(&config));
            async move {
                let stream = TcpStream::connect(address).await?;
                stream.set_nodelay(true)?;
                let name = ServerName::try_from("node.example").expect("a name");
                Ok::<_, std::io::Error>(TokioIo::new(connector.connect(name, stream).await?))
            }
        });
        let channel = Endpoint::from_static("http://node.example").connect_with_connector(connect).await;
        channel.ok().map(LedgerServiceClient::new)
    }

    /// Submits an access of a bureau at a member until it is in, with the same id and bytes at each try.
    async fn submit(&mut self, bureau: usize, member: usize, level: v1::Level) -> v1::SubmitResponse {
        self.serial += 1;
        let now = now();
        let number = u32::try_from(bureau + 1).expect("a small number");
        let access = access(&self.founding.ledger_id(), number, self.serial, now);
        let record = Bytes::from(record::encode(&access).expect("a valid record"));
        let mut random = [0; 10];
        random[..8].copy_from_slice(&self.serial.to_be_bytes());
        let request = v1::SubmitRequest {
            request_id: Bytes::copy_from_slice(&RequestId::new(now, random).0),
            record: Some(v1::NewRecord { blind: Bytes::from_static(&[7; 16]), record }),
            wait_for: level.into(),
            admission: Bytes::new(),
        };
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(mut client) = self.client(bureau, member).await {
                match client.submit(request.clone()).await {
                    Ok(response) => return response.into_inner(),
                    Err(status) => assert!(Instant::now() < deadline, "{status:?}"),
                }
            }
            assert!(Instant::now() < deadline, "no connection to member {member}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

impl Ledger {
    /// The member that leads, as an answer's header says; a member that has just started may not know yet.
    async fn leader(&mut self) -> usize {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let response = self.submit(0, 0, v1::Level::Committed).await;
            if let Some(leader) = response.header.expect("every answer has one").leader {
                return usize::try_from(leader.node_id - 1).expect("a small id");
            }
            assert!(Instant::now() < deadline, "no leader is named");
        }
    }

    /// A leaf's receipt from a member; one that recovers says so, and is asked again.
    async fn receipt(&self, member: usize, leaf: u64) -> Bytes {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let mut client = self.client(0, member).await.expect("the member is up");
            match client.get_receipt(v1::GetReceiptRequest { leaf_index: leaf }).await {
                Ok(response) => return response.into_inner().receipt,
                Err(status) => {
                    let waits = status.code() == tonic::Code::Unavailable && Instant::now() < deadline;
                    assert!(waits, "leaf {leaf} was acknowledged: {status:?}");
                }
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

fn now() -> UnixMillis {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    UnixMillis(u64::try_from(since.as_millis()).expect("before 584 million years"))
}

fn leaf(response: &v1::SubmitResponse) -> u64 {
    response.submitted.as_ref().and_then(|submitted| submitted.leaf_index).expect("it has a leaf")
}

#[tokio::test(flavor = "multi_thread")]
async fn three_processes_under_three_authorities_take_prove_and_survive_their_leader() {
    let mut ledger = Ledger::begin().await;
    let first = ledger.submit(1, 1, v1::Level::Cosigned).await;
    let submitted = first.submitted.clone().expect("it is in");
    let trust = TrustFile::of_founding(&ledger.founding);
    assert_eq!(verify(&submitted.receipt, &trust).outcome, Outcome::Verified, "offline, by the trust file");

    // Whoever is asked knows it, linearizably; a bureau that is no party gets stub and proof.
    for (bureau, withheld) in [(1, false), (2, true)] {
        let mut client = ledger.client(bureau, 2).await.expect("member 2 is up");
        let name = Some(Name::LeafIndex(leaf(&first)));
        let request = v1::GetRecordRequest { name, prove: true, ..v1::GetRecordRequest::default() };
        let response = client.get_record(request).await.expect("it is there").into_inner();
        assert_eq!(response.record.expect("a record").withheld, withheld, "bureau {bureau}");
    }

    // A bureau's client can't write in another bureau's name.
    let mut client = ledger.client(0, 0).await.expect("member 0 is up");
    let foreign = access(&ledger.founding.ledger_id(), 2, 900, now());
    let record = Bytes::from(record::encode(&foreign).expect("a valid record"));
    let request = v1::SubmitRequest {
        request_id: Bytes::copy_from_slice(&RequestId::new(now(), [9; 10]).0),
        record: Some(v1::NewRecord { blind: Bytes::from_static(&[7; 16]), record }),
        ..v1::SubmitRequest::default()
    };
    client.submit(request).await.expect_err("the record names another submitter");

    // Three times the leader is killed; nothing acknowledged is lost, and writes go on.
    let mut acknowledged = vec![leaf(&first)];
    for _ in 0..3 {
        let killed = ledger.leader().await;
        ledger.kill(killed);
        let other = (killed + 1) % 3;
        acknowledged.push(leaf(&ledger.submit(other, other, v1::Level::Cosigned).await));
        ledger.start(killed);
        acknowledged.push(leaf(&ledger.submit(killed, killed, v1::Level::Committed).await));
    }
    for leaf in acknowledged {
        let receipt = ledger.receipt(2, leaf).await;
        assert_eq!(verify(&receipt, &trust).outcome, Outcome::Verified, "leaf {leaf}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_is_told_to_stop_hands_over_and_ends_in_order() {
    let mut ledger = Ledger::begin().await;
    let leader = ledger.leader().await;
    let mut child = ledger.members[leader].take().expect("it runs");
    let pid = Pid::from_raw(i32::try_from(child.id()).expect("a process id")).expect("not zero");
    let told = Instant::now();
    kill_process(pid, Signal::TERM).expect("it is ours");
    let status = tokio::task::spawn_blocking(move || child.wait()).await.expect("no panic").expect("it ends");
    assert!(status.success(), "{status}");
    assert!(told.elapsed() < Duration::from_secs(25), "{:?}", told.elapsed());
    let other = (leader + 1) % 3;
    ledger.submit(other, other, v1::Level::Cosigned).await;
    // Its directory is sound, nothing in it was left for the next start, and it comes back.
    let data = ledger.bureau_dir(leader).join("data");
    assert!(fsck(&data) >= 1, "the stopped member's files have what it acknowledged");
    ledger.start(leader);
    ledger.submit(leader, leader, v1::Level::Cosigned).await;
}

/// Leaves that were checked in a sound directory.
fn fsck(data: &Path) -> u64 {
    let mut command = program();
    let checked = command.args(["fsck", "--json"]).arg(data).stdout(Stdio::piped()).output();
    let checked = checked.expect("munimentd runs");
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout));
    let report: serde_json::Value = serde_json::from_slice(&checked.stdout).expect("a report");
    report["leaves"].as_u64().expect("a number")
}

#[test]
fn what_does_not_fit_together_is_said_before_a_port_is_opened() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let made = program().args(["dev", "--files-only", "--data"]).arg(dir.path()).status();
    assert!(made.expect("munimentd runs").success());
    let config = dir.path().join("hefei/munimentd.toml");
    let said = |sets: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_munimentd"));
        command.args(["serve", "--config"]).arg(&config);
        for set in sets {
            command.args(["--set", set]);
        }
        let output = command.output().expect("munimentd runs");
        assert!(!output.status.success(), "{sets:?}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let bozhou = |file: &str| dir.path().join("bozhou").join(file).display().to_string();
    let cases = [
        (vec!["nod=1".to_owned()], "unknown key"),
        (vec!["node=9".to_owned()], "names no node 9"),
        (vec!["node=2".to_owned()], "is not the key that the founding file names"),
        (vec![format!("keys={}", bozhou("keys"))], "is not the key that the founding file names"),
        (
            vec![
                format!("peer.certificate={}", bozhou("node.pem")),
                format!("peer.key={}", bozhou("node.key")),
            ],
            "not of a node of bureau 1",
        ),
        (vec![format!("peer.key={}", bozhou("node.key"))], "it is not the key of the certificate"),
        (vec![format!("data={}", dir.path().join("nowhere").display())], "make it with `munimentd init`"),
        (vec![format!("data={}", bozhou("data"))], "never run a node on another's directory"),
    ];
    for (sets, expected) in cases {
        let sets: Vec<&str> = sets.iter().map(String::as_str).collect();
        let said = said(&sets);
        assert!(said.contains(expected), "{sets:?}: {said}");
    }
}
