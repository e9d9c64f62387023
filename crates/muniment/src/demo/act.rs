//! Which scenes there are, and their order.

use std::str::FromStr;

use anyhow::Context as _;

use super::stage::Stage;
use super::{damage, import, kills, licence, members, offline};

/// What each scene shows, from scene 1.
const TITLES: [&str; 7] = [
    "Three processes, three bureaus, three CAs",
    "A licence is used under an authorisation",
    "The same after the grant is revoked",
    "Records of another system by stream",
    "All stopped: evidence without a ledger",
    "The leader killed under load",
    "One byte flipped in one member's file",
];

/// The scenes asked for, ascending: "1-4", "5", "1,4-6".
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Scenes(Vec<usize>);

impl Scenes {
    /// Whether a ledger is founded.
    pub(super) fn begin(&self) -> bool {
        self.0.contains(&1)
    }
}

impl FromStr for Scenes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |part: &str| {
            let number = part.trim().parse().ok().filter(|number| (1..=TITLES.len()).contains(number));
            number.ok_or_else(|| format!("{part:?} is no scene: there are 1 to {}", TITLES.len()))
        };
        let mut scenes = Vec::new();
        for part in text.split(',') {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            scenes.extend(number(first)?..=number(last)?);
        }
        if scenes.is_empty() || !scenes.is_sorted_by(|one, next| one < next) {
            return Err("name scenes in their order, each once, such as 1-4 or 5".to_owned());
        }
        Ok(Self(scenes))
    }
}

/// Plays scenes until one fails. Members that run at the end are stopped in order, and their files compared.
///
/// # Errors
/// The check that failed.
pub(super) async fn play(stage: &mut Stage, scenes: &Scenes) -> anyhow::Result<()> {
    for scene in &scenes.0 {
        let title = TITLES[scene - 1];
        stage.narrator.begin(Some(*scene), title)?;
        let played = match scene {
            1 => members::introduce(stage).await,
            2 => licence::use_it(stage).await,
            3 => licence::use_it_revoked(stage).await,
            4 => import::import(stage).await,
            5 => offline::check(stage).await,
            6 => kills::kill_leaders(stage).await,
            _ => damage::damage_and_repair(stage).await,
        };
        stage.narrator.end(&played)?;
        played.with_context(|| format!("scene {scene}, {title}"))?;
    }
    if !stage.is_running() {
        return Ok(());
    }
    stage.narrator.begin(None, "The end: all stopped, every byte compared")?;
    let ended = end(stage, scenes).await;
    stage.narrator.end(&ended)?;
    ended
}

async fn end(stage: &mut Stage, scenes: &Scenes) -> anyhow::Result<()> {
    stage.settle().await?;
    stage.stop_all()?;
    super::files::check(stage)?;
    // Scene 4 has just said it, where nothing came after.
    if stage.scenario.imported && scenes.0.last() > Some(&4) {
        let figures = stage.figures.take().context("figures were asked for")?;
        stage.narrator.say(figures)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scenes_are_numbers_and_ranges_in_order() {
        for (text, scenes) in
            [("5", Some(vec![5])), ("1-3", Some(vec![1, 2, 3])), ("1,4-5", Some(vec![1, 4, 5]))]
                .into_iter()
                .chain(["", "0", "8", "3-1", "2,1", "1,1", "one"].map(|text| (text, None)))
        {
            assert_eq!(text.parse::<Scenes>().ok().map(|scenes| scenes.0), scenes, "{text:?}");
        }
    }
}
