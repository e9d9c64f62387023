//! Scene 7: one byte flipped in the evidence of one member that runs: found by whoever reads it, named, not served, repaired.

use std::fs;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context as _, bail};
use muniment_client::LedgerRecord;
use muniment_core::leaf::Content;
use muniment_core::{LeafIndex, Reason};
use muniment_proto::header::Freshness;
use muniment_proto::record_filter::RecordName;
use muniment_proto::submission::Level;

use super::scenario::LicenceStory;
use super::stage::{LOOK, PATIENCE, Stage, now};
use crate::exit::UsageError;

/// Member of the court's bureau, whose record it is: it may read it at any member.
const READER: usize = 0;

/// A byte of a member's file.
struct Byte {
    /// The file, from the member's `ledger` directory.
    name: String,
    path: PathBuf,
    offset: u64,
    sound: u8,
}

/// Flips, reads, waits for the repair.
///
/// # Errors
/// When the damage is served, not named, or not repaired in time, or when it costs the others anything.
pub(super) async fn damage_and_repair(stage: &mut Stage) -> anyhow::Result<()> {
    let story = stage.scenario.licence;
    let LicenceStory { used, .. } = story
        .ok_or_else(|| UsageError("scene 7 damages the record of scene 2: play that first".to_owned()))?;
    stage.start_all().await?;
    let all: Vec<usize> = (0..stage.processes.len()).collect();
    let leader = stage.processes.leader(&all, PATIENCE).await?;
    let member = all.iter().copied().rfind(|member| *member != leader).context("a follower")?;
    let leaf = LeafIndex(used);
    let sound = read(stage, member, leaf).await.context("read the record before")?;
    wait_durable(stage, member, leaf).await?;
    let byte = find(stage, member, &sound)?;
    write_byte(&byte.path, byte.offset, byte.sound ^ 0x20)?;
    let name = stage.name(member);
    stage.narrator.say(format_args!(
        "{name}, which runs: byte {} of {} flipped, in the record of leaf {leaf}",
        byte.offset,
        byte.path.display()
    ))?;

    match read(stage, member, leaf).await {
        Ok(_) => bail!("{name} serves leaf {leaf} from a damaged file"),
        Err(error) if is_damaged(&error) => {
            stage.narrator.say(format_args!("not served: {error}"))?;
        }
        Err(error) => return Err(error).context("read the damaged record"),
    }
    others_go_on(stage, member, leaf, &sound).await?;
    wait_named(stage, member, &byte).await?;
    wait_repaired(stage, member, &byte, leaf, &sound).await
}

/// Reads a leaf at one member, and takes its first answer for one.
async fn read(stage: &Stage, member: usize, leaf: LeafIndex) -> anyhow::Result<LedgerRecord> {
    let client = stage.client_once(READER, member, "client")?;
    Ok(client.get(RecordName::Leaf(leaf), Freshness::Linearizable).await?)
}

/// Waits until a leaf is behind a member's sync point, and so in its files for certain.
async fn wait_durable(stage: &Stage, member: usize, leaf: LeafIndex) -> anyhow::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let size = stage.status(member).await?.sync_point_size;
        if size > leaf.0 {
            return Ok(());
        }
        if Instant::now() > deadline {
            bail!("{}'s last sync point has {size} leaves, and not leaf {leaf}", stage.name(member));
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Whether a member refused since its copy is damaged.
fn is_damaged(error: &anyhow::Error) -> bool {
    let error = error.downcast_ref::<muniment_client::Error>();
    error.and_then(muniment_client::Error::reason) == Some(Reason::Damaged)
}

/// Where a record's bytes lie in a member's files; the byte in their middle.
fn find(stage: &Stage, member: usize, record: &LedgerRecord) -> anyhow::Result<Byte> {
    let Content::Open { record: bytes, .. } = &record.content else {
        bail!("leaf {} is withheld from its submitter", record.leaf);
    };
    let ledger = stage.processes.data_dir(member).join("ledger");
    for class in list(&ledger.join("records"))? {
        for path in list(&class)? {
            let held = fs::read(&path).with_context(|| format!("read {}", path.display()))?;
            let Some(at) = held.windows(bytes.len()).position(|window| window == bytes.as_slice()) else {
                continue;
            };
            let at = at + bytes.len() / 2;
            let name = path.strip_prefix(&ledger).context("a file below the ledger's directory")?;
            let name = name.to_string_lossy().into_owned();
            let offset = u64::try_from(at).context("an offset")?;
            return Ok(Byte { name, offset, sound: held[at], path });
        }
    }
    bail!("leaf {} is in no file below {}", record.leaf, ledger.join("records").display())
}

/// The others serve the same leaf, and acknowledge with receipts.
async fn others_go_on(
    stage: &mut Stage,
    member: usize,
    leaf: LeafIndex,
    sound: &LedgerRecord,
) -> anyhow::Result<()> {
    let others: Vec<usize> = (0..stage.processes.len()).filter(|other| *other != member).collect();
    for other in &others {
        let served = read(stage, *other, leaf).await;
        let served = served.with_context(|| format!("read leaf {leaf} at {}", stage.name(*other)))?;
        if served.content != sound.content {
            bail!("{} serves other bytes of leaf {leaf}", stage.name(*other));
        }
    }
    let other = *others.first().context("another member")?;
    let body = super::kills::access(other, 0)?;
    let record = stage.record(other, "system:exchange-gateway", now(), body);
    let (place, submitted) =
        stage.submit(other, record, Level::Cosigned).await.context("submit to the others")?;
    let client = stage.processes.client(other, &[other])?;
    let receipt = match submitted.receipt {
        Some(receipt) => receipt,
        None => client.receipt(place.leaf).await.context("get a receipt of the others")?,
    };
    let names: Vec<String> = others.iter().map(|other| stage.name(*other)).collect();
    stage.narrator.say(format_args!(
        "{} serve leaf {leaf} and go on: leaf {} appended, its receipt cosigned by {} bureaus",
        names.join(" and "),
        place.leaf,
        receipt.proven.cosigned.times.len()
    ))
}

/// Waits until the member's status names file and offset.
async fn wait_named(stage: &mut Stage, member: usize, byte: &Byte) -> anyhow::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    let alarm = loop {
        let alarms = stage.status(member).await?.alarms;
        let named = alarms.iter().find(|alarm| names(alarm, byte)).cloned();
        match named {
            Some(alarm) => break alarm,
            None if Instant::now() > deadline => {
                bail!("{} does not name {}: {alarms:?}", stage.name(member), byte.name)
            }
            None => tokio::time::sleep(LOOK).await,
        }
    };
    stage.narrator.say(format_args!("named by {}'s status: {alarm}", stage.name(member)))
}

/// Whether an alarm says that the file is damaged from an offset on that the byte is not before.
fn names(alarm: &str, byte: &Byte) -> bool {
    let place = alarm.strip_prefix("damaged: ").and_then(|rest| rest.strip_prefix(byte.name.as_str()));
    let offset =
        place.and_then(|rest| rest.strip_prefix(" at byte ")).and_then(|rest| rest.split(':').next());
    offset.and_then(|offset| offset.parse::<u64>().ok()).is_some_and(|offset| offset <= byte.offset)
}

/// Waits until the member serves the record again, from a file that is what it was.
async fn wait_repaired(
    stage: &mut Stage,
    member: usize,
    byte: &Byte,
    leaf: LeafIndex,
    sound: &LedgerRecord,
) -> anyhow::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    let served = loop {
        match read(stage, member, leaf).await {
            Ok(served) => break served,
            Err(error) if Instant::now() > deadline => return Err(error).context("wait for the repair"),
            Err(_) => tokio::time::sleep(LOOK).await,
        }
    };
    if served.content != sound.content {
        bail!("{} serves other bytes of leaf {leaf} since its repair", stage.name(member));
    }
    let mut now = [0];
    let file = fs::File::open(&byte.path).with_context(|| format!("open {}", byte.path.display()))?;
    file.read_exact_at(&mut now, byte.offset).with_context(|| format!("read {}", byte.path.display()))?;
    if now != [byte.sound] {
        bail!("{}: byte {} is still flipped", byte.path.display(), byte.offset);
    }
    let kept = loop {
        let alarms = stage.status(member).await?.alarms;
        match alarms.iter().find(|alarm| alarm.contains("are repaired from a peer")).cloned() {
            Some(alarm) => break alarm,
            None if Instant::now() > deadline => bail!("no word of the repair: {alarms:?}"),
            None => tokio::time::sleep(LOOK).await,
        }
    };
    let name = stage.name(member);
    stage.narrator.say(format_args!("repaired, and served again by {name}: {kept}"))
}

/// What a directory holds, by name.
fn list(dir: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(dir).with_context(|| format!("list {}", dir.display()))?;
    let mut paths = entries
        .map(|entry| Ok(entry.with_context(|| format!("list {}", dir.display()))?.path()))
        .collect::<anyhow::Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

fn write_byte(path: &Path, offset: u64, byte: u8) -> anyhow::Result<()> {
    let file = fs::OpenOptions::new().write(true).open(path);
    let file = file.with_context(|| format!("open {}", path.display()))?;
    file.write_all_at(&[byte], offset).with_context(|| format!("write {}", path.display()))
}
