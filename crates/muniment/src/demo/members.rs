//! Scene 1: three processes, each with the certificates of its bureau's own CA.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context as _, bail};
use muniment_core::Suite;

use super::stage::Stage;

/// Starts the members and shows who they are.
///
/// # Errors
/// When one does not answer over mutual TLS, or two of them share a process or a CA.
pub(super) async fn introduce(stage: &mut Stage) -> anyhow::Result<()> {
    let founding = &stage.processes.founding;
    let line = format!("ledger {} ({}), suite {}", founding.ledger_id(), founding.origin, founding.suite);
    stage.narrator.say(line)?;
    stage.start_all().await?;
    let (mut processes, mut authorities) = (BTreeSet::new(), BTreeSet::new());
    for member in 0..stage.processes.len() {
        let file = stage.processes.bureau_dir(member).join("ca.pem");
        let certificate = fs::read(&file).with_context(|| format!("read {}", file.display()))?;
        let digest = Suite::Sha256.hash(&[&certificate]).to_string();
        let pid = stage.processes.pid(member).context("the member does not run")?;
        let contact = &stage.processes.founding.founders[member].contact;
        let line = format!(
            "{:<7} process {pid}, {}, CA of {} ({}), answers over mutual TLS",
            stage.name(member),
            contact.client_address,
            contact.trust_domain,
            &digest[..12],
        );
        stage.narrator.say(line)?;
        processes.insert(pid);
        authorities.insert(digest);
    }
    let (processes, authorities) = (processes.len(), authorities.len());
    if processes != stage.processes.len() || authorities != stage.processes.len() {
        bail!("{processes} processes and {authorities} CAs of {} members", stage.processes.len());
    }
    let members: Vec<usize> = (0..stage.processes.len()).collect();
    let leader = stage.processes.leader(&members, super::stage::PATIENCE).await?;
    let line = format!("{processes} processes, {authorities} CAs; {} leads", stage.name(leader));
    stage.narrator.say(line)
}
