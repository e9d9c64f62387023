//! The demo's figures: what was sent, held against what every member's ledger answers.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use muniment_core::Flag;
use serde_json::json;

use super::ledger::{Access, Accesses, Place};

/// One record that must be in the ledger.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Expected {
    /// Where.
    pub(crate) place: Place,
    /// Its exchange, where that is known without the ledger: tells two uses of one place apart.
    pub(crate) exchange: Option<String>,
    /// The one flag that it must have, or none, where that is known: of made-up traffic.
    pub(crate) flag: Option<Option<Flag>>,
}

/// What the ledger answers about the records sent. Every figure counts what *all* members hold, equal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Figures {
    rows: u64,
    bad_rows: u64,
    leaves: u64,
    in_force: u64,
    by_flag: BTreeMap<Flag, u64>,
    /// Exchange ids used more than once on one side: how often, and how many of them.
    reused: BTreeMap<usize, u64>,
    /// Made-up violations: injected, found.
    injected: Option<(u64, u64)>,
    /// Accesses of made-up traffic with a flag that nothing was injected for.
    in_vain: u64,
}

impl Figures {
    /// Counts. `rows` is what the source holds, `bad_rows` those of them that are no record.
    pub(crate) fn count(rows: u64, bad_rows: u64, expected: &[Expected], members: &[Accesses]) -> Self {
        let mut figures = Self { rows, bad_rows, ..Self::default() };
        let mut uses: BTreeMap<(String, i32), usize> = BTreeMap::new();
        let mut counted = BTreeSet::new();
        for due in expected {
            let Some(access) = find(due, members) else { continue };
            // A leaf answers for one row only.
            if !counted.insert(access.leaf) {
                continue;
            }
            figures.leaves += 1;
            figures.in_force += u64::from(access.is_in_force());
            for flag in access.verdict.flags() {
                *figures.by_flag.entry(flag).or_default() += 1;
            }
            *uses.entry(access.exchange.clone()).or_default() += 1;
            figures.score(due, access);
        }
        let mut most_by_exchange: BTreeMap<String, usize> = BTreeMap::new();
        for ((exchange, _), count) in uses {
            let most = most_by_exchange.entry(exchange).or_default();
            *most = count.max(*most);
        }
        for count in most_by_exchange.into_values().filter(|count| *count > 1) {
            *figures.reused.entry(count).or_default() += 1;
        }
        if expected.iter().any(|due| due.flag.is_some()) {
            let injected = expected.iter().filter(|due| matches!(due.flag, Some(Some(_)))).count();
            let found = figures.injected.map_or(0, |(_, found)| found);
            figures.injected = Some((u64::try_from(injected).unwrap_or(u64::MAX), found));
        }
        figures
    }

    fn score(&mut self, due: &Expected, access: &Access) {
        let Some(due) = due.flag else { return };
        let found = due.is_some_and(|flag| access.verdict.has(flag));
        let (_, hits) = self.injected.get_or_insert_default();
        *hits += u64::from(found);
        self.in_vain += u64::from(access.verdict.flags().any(|flag| Some(flag) != due));
    }

    /// Rows that are records but not in every member's ledger.
    pub(crate) fn lost(&self) -> u64 {
        self.rows.saturating_sub(self.bad_rows).saturating_sub(self.leaves)
    }

    /// Whether nothing is lost, no row was bad, and every violation was found and none in vain.
    pub(crate) fn is_clean(&self) -> bool {
        let scored = self.injected.is_none_or(|(injected, found)| injected == found);
        self.lost() == 0 && self.bad_rows == 0 && scored && self.in_vain == 0
    }

    /// For programs.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        let flags: BTreeMap<_, _> = self.by_flag.iter().map(|(flag, count)| (flag.code(), count)).collect();
        let reused: BTreeMap<_, _> =
            self.reused.iter().map(|(times, ids)| (times.to_string(), ids)).collect();
        json!({
            "rows": self.rows,
            "bad_rows": self.bad_rows,
            "leaves": self.leaves,
            "in_force": self.in_force,
            "flags": flags,
            "exchange_ids_by_uses": reused,
            "violations_injected": self.injected.map(|(injected, _)| injected),
            "violations_found": self.injected.map(|(_, found)| found),
            "flagged_in_vain": self.in_vain,
            "lost": self.lost(),
        })
    }

    fn flagged(&self, flag: Flag) -> u64 {
        self.by_flag.get(&flag).copied().unwrap_or(0)
    }

    /// Flags other than A01 and how many accesses have them, for people.
    pub(crate) fn other_flags(&self) -> String {
        let others = self.by_flag.iter().filter(|(flag, _)| **flag != Flag::A01);
        let listed: Vec<_> = others.map(|(flag, count)| format!("{count} {}", flag.code())).collect();
        if listed.is_empty() { "none".to_owned() } else { listed.join(", ") }
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rows, leaves, in_force, .. } = self;
        write!(
            f,
            "{rows} rows, {leaves} leaves of them, {in_force} in force, {} A01",
            self.flagged(Flag::A01)
        )?;
        if self.reused.is_empty() {
            f.write_str(", no exchange id used twice")?;
        }
        for (times, ids) in &self.reused {
            write!(f, ", {ids} exchange id{} used {times} times", if *ids == 1 { "" } else { "s" })?;
        }
        if let Some((injected, found)) = self.injected {
            write!(f, ", {found} of {injected} violations found, {} flagged in vain", self.in_vain)?;
        }
        if self.bad_rows > 0 {
            write!(f, ", {} bad", self.bad_rows)?;
        }
        write!(f, ", {} lost", self.lost())
    }
}

/// The access that is due, if every member holds it and all hold the same.
fn find<'a>(due: &Expected, members: &'a [Accesses]) -> Option<&'a Access> {
    let matching = |member: &'a Accesses| {
        let exchange = due.exchange.as_deref();
        member
            .at(&due.place)
            .iter()
            .find(|access| exchange.is_none_or(|exchange| access.exchange.0 == exchange))
    };
    let (first, others) = members.split_first()?;
    let access = matching(first)?;
    others.iter().all(|member| matching(member) == Some(access)).then_some(access)
}
