//! T01 late report, T02 dated in the future. An imprecise time is judged by overlap: in its submitter's favour.

use muniment_core::limits::{FUTURE_MS, LATE_REPORT_MS};
use muniment_core::{Flag, Nature, Reason, Verdict};

use crate::applied::Rejection;
use crate::judge::Candidate;

/// Judges the claimed time. A decision from the future is refused, a fact is flagged.
pub(super) fn judge(candidate: &Candidate<'_>) -> Result<Verdict, Rejection> {
    let (now, occurred) = (candidate.accepted_at.0, &candidate.occurred);
    let is_fact = candidate.kind.row().nature == Nature::Fact;
    let mut verdict = Verdict::NONE;
    if occurred.from.0 > now.saturating_add(FUTURE_MS) {
        if !is_fact {
            let detail = "is more than 5 minutes in the future: set the clock, and record the decision when it is made";
            return Err(Rejection::new(Reason::ClientClock, "occurred_at", detail));
        }
        verdict.raise(Flag::T02);
    }
    // The last instant that the time may mean is one before its end.
    let last = occurred.until.0.saturating_sub(1);
    if is_fact && !candidate.record.historic && now.saturating_sub(last) > LATE_REPORT_MS {
        verdict.raise(Flag::T01);
    }
    Ok(verdict)
}
