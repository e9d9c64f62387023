//! The envelope of a record and the messages that many kinds share.

use super::rule::{
    any, digest, identifier, known_or_unstated, leaves, missing, number, optional, optional_digest,
    optional_identifier, required, text, time_ms,
};
use super::{At as _, Checked, Fault, Shape, shapes};
use crate::limits::REPEATED_MAX;
use crate::record::SCHEMA_VERSION;
use crate::v1::record::Body;
use crate::v1::{AuthenticationMethod, Period, Precision, Record, Time, Visibility};
use crate::{Kind, Nature, record};

const SECOND_MS: u64 = 1_000;
const DAY_MS: u64 = 24 * 60 * 60 * SECOND_MS;

shapes! {
    Record {
        schema_version: number(SCHEMA_VERSION..=SCHEMA_VERSION),
        ledger_id: digest(),
        submitter: number(1..=u32::MAX),
        region: optional_identifier(),
        actor: optional(),
        occurred_at: required(),
        stream: optional(),
        references: leaves(0..=REPEATED_MAX),
        historic: any,
        visibility: known_or_unstated::<Visibility>(),
        supervisor: any,
        body: any,
    } => whole_record;
    Actor {
        system: identifier(),
        tag: optional_digest(),
        certificate: optional_digest(),
        terminal: text(0..=64),
        authentication: known_or_unstated::<AuthenticationMethod>(),
        assurance_level: number(0..=4),
    }
    Time {
        unix_ms: time_ms(),
        precision: known_or_unstated::<Precision>(),
    } => starts_its_unit;
    Stream {
        id: text(1..=128),
        sequence: any,
    }
    Leaf {
        index: any,
    }
    Period {
        from_ms: time_ms(),
        to_ms: time_ms(),
    } => ends_after_it_starts;
}

/// The body, and the fields of a record that depend on each other.
fn whole_record(record: &Record) -> Checked {
    body(record.body.as_ref())?;
    let is_fact = record::kind(record).is_some_and(|kind| kind.row().nature == Nature::Fact);
    if is_fact && record.actor.is_none() {
        return Err(Fault::invalid("is missing: a fact states the system that acted")).at("actor");
    }
    match (record::is_sealed(record), record.supervisor) {
        (true, 0) => Err(Fault::invalid("is missing: a sealed record names the bureau that supervises it")),
        (false, 1..) => {
            Err(Fault::invalid("is only for records of deferred or hidden visibility: leave it out"))
        }
        (true, 1..) | (false, 0) => Ok(()),
    }
    .at("supervisor")
}

fn starts_its_unit(time: &Time) -> Checked {
    let starts = match time.precision() {
        Precision::Unspecified => true,
        Precision::Second => time.unix_ms.is_multiple_of(SECOND_MS),
        Precision::Day => time.unix_ms.is_multiple_of(DAY_MS),
        Precision::Month => time.unix_ms.is_multiple_of(DAY_MS) && day_of_month(time.unix_ms / DAY_MS) == 1,
    };
    if starts {
        return Ok(());
    }
    Err(Fault::invalid("is not the start (UTC) of the second, day or month that its precision names"))
        .at("unix_ms")
}

fn ends_after_it_starts(period: &Period) -> Checked {
    if period.to_ms == 0 || period.to_ms > period.from_ms {
        return Ok(());
    }
    Err(Fault::invalid("is not after from_ms: state the first millisecond after the period, or 0 for open"))
        .at("to_ms")
}

/// Day of the month, from 1, of a day counted from 1970-01-01 in the proleptic Gregorian calendar.
///
/// Years are counted from 1 March 0000, so that a leap day is the last of its year: 719,468 days lie between that
/// day and 1970, 146,097 in 400 years, 36,524 in a century, 1,461 in four years, 153 in five months from March on.
const fn day_of_month(days: u64) -> u64 {
    let day_of_era = (days + 719_468) % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    day_of_year - (153 * month + 2) / 5 + 1
}

/// The body by its kind's table. Paths begin with the kind: a oneof is no field.
fn body(body: Option<&Body>) -> Checked {
    macro_rules! each {
        ($body:expr, $($kind:ident)+) => { match $body { $(Body::$kind(body) => body.check()),+ } };
    }
    let Some(body) = body else {
        return missing().at("body");
    };
    each!(body, BureauRegistered BureauUpdated BureauSuspended CertificateBound CertificateRevoked CataloguePublished
        CatalogueUpdated CatalogueWithdrawn SharingApplied ApplicationWithdrawn AuthorisationGranted
        AuthorisationDenied AuthorisationAmended AuthorisationSuspended AuthorisationResumed AuthorisationRevoked
        AccessExecuted SubjectsListed DataDelivered DeliveryAcknowledged LicenceIssued LicenceChanged
        LicenceSuspended LicenceRevoked LicenceUsed UsageReported OnwardTransferConsented DataRecalled
        DataDestroyed ObjectionRaised ObjectionAnswered DisputeOpened DisputeEscalated DisputeDecided CaseOpened
        CaseClosed Corrected Annotated LegalHoldSet LegalHoldLifted SubjectKeyDestroyed Disclosed LedgerRead
        PolicyAdopted CalendarAdopted VocabularyAdopted RuleSetAdopted MemberAdmitted MemberCapabilities
        MemberRemoved Recovery Anchor)
    .at(Kind::of(body).row().name)
}
