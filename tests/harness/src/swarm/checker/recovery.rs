//! I12: what healing brings back.

use std::time::Duration;

use super::Findings;
use crate::swarm::history::{Event, History};
use crate::swarm::violation::Invariant;

/// How long healing may take.
pub(super) const HEALING_MAX: Duration = Duration::from_secs(10);

pub(super) fn check(findings: &mut Findings, history: &History) {
    for (at, event) in &history.events {
        if let Event::Stopped { node, reason } = event {
            let expected = format!("node {node} runs whenever it is not kept from it");
            findings.report(Invariant::I12, expected, format!("at {at:?} it stopped: {reason}"));
        }
    }
    let time_of =
        |wanted: &Event| history.events.iter().find(|(_, event)| event == wanted).map(|(at, _)| *at);
    let Some(healed) = time_of(&Event::Healed) else {
        findings.report(Invariant::I12, "the run heals at its end", "it never did");
        return;
    };
    let steps = [
        (Event::Converged, "members apply the same"),
        (Event::WriteAfterHealing, "a new write is acknowledged"),
        (Event::CosignedAfterHealing, "a new write is cosigned"),
    ];
    for (step, name) in steps {
        let expected = format!("{name} within {HEALING_MAX:?} of healing");
        match time_of(&step) {
            Some(at) if at.saturating_sub(healed) <= HEALING_MAX => {}
            Some(at) => {
                findings.report(Invariant::I12, expected, format!("after {:?}", at.saturating_sub(healed)));
            }
            None => findings.report(Invariant::I12, expected, "never"),
        }
    }
}
