//! One admission: its signer, its submissions against the window of request ids, its records one by one.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};

use muniment_core::admission::{KeptAdmission, Submission};
use muniment_core::limits::REQUEST_ID_WINDOW_MS;
use muniment_core::{BureauNumber, Flag, Nature, Reason, RequestId, Verdict};

use super::Run;
use super::commit::Admitted;
use crate::applied::{AdmissionOutcome, Alarm, Outcome, Rejection};
use crate::judge::{Accepted, Candidate, Effects};
use crate::verify::{CheckedRecord, VerifiedAdmission, VerifiedRecord, submission_digest};
use crate::world::World;
use crate::world::entities::Bureau;
use crate::world::objects::Located;
use crate::world::period::Period;
use crate::world::requests::{Request, RequestKey, RequestPlace};
use crate::world::stream::{CONTENTS_PER_NAME_MAX, Stream, StreamContent, StreamPlace, short_digest};

/// Where a submission stands, for its records that have no stream.
#[derive(Debug)]
enum Standing {
    /// It is new under this id; the contents that the id held before (above 0: I01).
    New(u8),
    /// It is there.
    Duplicate(Request),
    /// It can't be accepted.
    Refused(Rejection),
}

/// Where the objects lie that record after record asks for.
#[derive(Default)]
pub(super) struct LastLocated {
    bureau: Option<(BureauNumber, Located<Bureau>)>,
    stream: Option<(BureauNumber, String, Located<Stream>)>,
}

/// Where a record comes from.
struct Source<'a> {
    bureau: BureauNumber,
    standing: &'a Standing,
    part: u32,
    /// Position in the admission.
    position: u32,
    /// Position in the submission.
    offset: u32,
}

impl Run<'_> {
    /// Applies an admission.
    pub(super) fn admission(&mut self, part: u32, admission: &VerifiedAdmission) -> AdmissionOutcome {
        let log_index = self.log_index;
        if admission.fault {
            self.alarm(Alarm::VerifyFault { log_index, part });
        }
        let signer = admission.content.as_ref().map_err(Clone::clone).and_then(|records| {
            let world = &self.ledger.world;
            let bureau = world.signer(&admission.admission.public_key, self.applied.accepted_at);
            Ok((records, bureau.ok_or_else(unbound_key)?))
        });
        let (records, bureau) = match signer {
            Ok(signer) => signer,
            Err(rejection) => {
                self.alarm(Alarm::AdmissionDropped { log_index, part, rejection: rejection.clone() });
                let count =
                    usize::try_from(admission.admission.record_count()).expect("at most 2,048 records");
                let outcomes = vec![Outcome::Rejected(rejection.clone()); count];
                return AdmissionOutcome { outcomes, dropped: Some(rejection) };
            }
        };
        let leaves_before = self.applied.leaves.len();
        let mut outcomes = Vec::with_capacity(records.len());
        for (submission, range) in admission.submissions() {
            self.submission(bureau, submission, range, records, part, &mut outcomes);
        }
        if self.applied.leaves.len() > leaves_before {
            let absent = (0..).zip(&outcomes).zip(records);
            let absent = absent
                .filter(|((_, outcome), _)| !matches!(outcome, Outcome::Appended { .. }))
                .map(|((position, _), record)| (position, record.record_digest));
            let kept =
                KeptAdmission::Admission { admission: admission.admission.clone(), absent: absent.collect() };
            self.applied.admissions.push(kept.encode());
        }
        AdmissionOutcome { outcomes, dropped: None }
    }

    fn submission(
        &mut self,
        bureau: BureauNumber,
        submission: Submission,
        range: Range<usize>,
        records: &[VerifiedRecord],
        part: u32,
        outcomes: &mut Vec<Outcome>,
    ) {
        let Submission { request_id, count } = submission;
        let first = u32::try_from(range.start).expect("at most 2,048 records");
        let records = &records[range];
        // A record of a stream is judged by its sequence alone; the id matters to the others.
        let needs_id = records.iter().any(is_checked_without_stream);
        let digest = needs_id.then(|| submission_digest(self.ledger.world.suite, records));
        let standing = match &digest {
            Some(digest) => self.standing(bureau, request_id, count, digest),
            None => Standing::New(0),
        };
        let first_leaf = self.ledger.world.head.size.next_leaf();
        let first_outcome = outcomes.len();
        for (offset, record) in (0..).zip(records) {
            let source = Source { bureau, standing: &standing, part, position: first + offset, offset };
            let outcome = match &record.content {
                Err(rejection) => Outcome::Rejected(rejection.clone()),
                Ok(checked) => self.record(&source, record, checked),
            };
            outcomes.push(outcome);
        }
        let (Standing::New(content), Some(digest)) = (standing, digest) else { return };
        let appended = |outcome: &Outcome| matches!(outcome, Outcome::Appended { .. });
        let outcomes = &outcomes[first_outcome..];
        let any = outcomes
            .iter()
            .zip(records)
            .any(|(outcome, record)| appended(outcome) && is_checked_without_stream(record));
        if any {
            let absent = (0..).zip(outcomes).filter(|(_, outcome)| !appended(outcome));
            let absent = absent.map(|(position, _)| position).collect();
            let key = RequestKey { submitter: bureau, request_id, content };
            self.ledger.world.requests.note(key, Request { first_leaf, count, digest, absent });
        }
    }

    /// Where a submission stands in the window of request ids.
    fn standing(&self, bureau: BureauNumber, id: RequestId, count: u32, digest: &[u8; 16]) -> Standing {
        let world = &self.ledger.world;
        let refuse = |reason, detail: &str| Standing::Refused(Rejection::new(reason, "request_id", detail));
        if !id.is_uuid_v7() {
            return refuse(Reason::RequestIdRequired, "is no UUIDv7: make one for each submission");
        }
        if id.time().0.abs_diff(self.applied.accepted_at.0) > REQUEST_ID_WINDOW_MS {
            let detail = "is further than 2 minutes from the ledger's time: look the record up by its digest, then \
                          submit what is missing under a new id";
            return refuse(Reason::Expired, detail);
        }
        match world.requests.place(bureau, id, count, digest, world.bureaus) {
            RequestPlace::New => Standing::New(0),
            RequestPlace::Reused(content) => Standing::New(content),
            RequestPlace::Duplicate(request) => Standing::Duplicate(request.clone()),
            RequestPlace::Exhausted => {
                let detail =
                    format!("holds {CONTENTS_PER_NAME_MAX} contents already: make an id for each submission");
                refuse(Reason::RequestIdReused, &detail)
            }
            RequestPlace::Full => {
                refuse(Reason::Overloaded, "finds its window full: retry with the same id and bytes")
            }
        }
    }

    /// Deduplicates, judges and commits one record.
    fn record(&mut self, source: &Source<'_>, record: &VerifiedRecord, checked: &CheckedRecord) -> Outcome {
        let world = &self.ledger.world;
        let bureau = self.located.bureau(world, BureauNumber(checked.record.submitter));
        if let Err(rejection) = check_submitter(world.objects.get_located(bureau), source.bureau, checked) {
            return Outcome::Rejected(rejection);
        }
        let located = checked.record.stream.as_ref();
        let located = located.map(|stream| self.located.stream(world, source.bureau, &stream.id));
        let (flags, stream) = match deduplicate(world, source, located.as_ref(), record, checked) {
            Ok(fresh) => fresh,
            Err(outcome) => return outcome,
        };
        let Some(body) = &checked.record.body else {
            return Outcome::Rejected(Rejection::new(Reason::InvalidRecord, "body", "is missing"));
        };
        let candidate = Candidate {
            record: &checked.record,
            body,
            kind: checked.kind,
            submitter: source.bureau,
            leaf: world.head.size.next_leaf(),
            accepted_at: self.applied.accepted_at,
            occurred: Period::claimed(checked.record.occurred_at.as_ref()),
            side: checked.digests.side,
        };
        // Judging changes nothing, so unwinding out of it leaves the state as it was.
        let judged = catch_unwind(AssertUnwindSafe(|| self.ledger.rules.judge(world, &candidate)));
        let accepted = match judged {
            Ok(Ok(accepted)) => accepted,
            Ok(Err(rejection)) => return Outcome::Rejected(rejection),
            Err(panic) => {
                let message = panic_message(panic.as_ref());
                self.applied.alarms.push(Alarm::RuleFault { leaf: candidate.leaf, message });
                Accepted { verdict: Verdict::NONE.with(Flag::X01), effects: Effects::none() }
            }
        };
        let verdict = Verdict(accepted.verdict.0 | flags.0);
        let reused_request_id = flags.has(Flag::I01);
        let admitted = Admitted {
            record,
            checked,
            submitter: source.bureau,
            verdict,
            part: source.part,
            position: source.position,
        };
        if let Some((located, content)) = located.zip(stream) {
            self.ledger.world.objects.update(&located, |stream| stream.note(content));
        }
        let leaf = self.commit(&admitted, accepted.effects);
        Outcome::Appended { leaf, verdict, reused_request_id }
    }
}

impl LastLocated {
    fn bureau(&mut self, world: &World, number: BureauNumber) -> &Located<Bureau> {
        let last = self.bureau.take().filter(|(last, _)| *last == number);
        let (_, located) =
            self.bureau.insert(last.unwrap_or_else(|| (number, world.objects.locate(&number))));
        located
    }

    fn stream(&mut self, world: &World, bureau: BureauNumber, id: &str) -> Located<Stream> {
        let last = self.stream.take().filter(|(submitter, last, _)| *submitter == bureau && last == id);
        let (_, _, located) = self.stream.insert(last.unwrap_or_else(|| {
            let key = (bureau, id.to_owned());
            let located = world.objects.locate(&key);
            (key.0, key.1, located)
        }));
        located.clone()
    }
}

/// The flags of a record that is new, and what its stream is to note.
type Fresh = (Verdict, Option<StreamContent>);

/// Whether the record is new: by its stream's sequence if it has one, else by its submission's request id.
fn deduplicate(
    world: &World,
    source: &Source<'_>,
    located: Option<&Located<Stream>>,
    record: &VerifiedRecord,
    checked: &CheckedRecord,
) -> Result<Fresh, Outcome> {
    let Some((stream, located)) = checked.record.stream.as_ref().zip(located) else {
        return match source.standing {
            Standing::New(0) => Ok((Verdict::NONE, None)),
            Standing::New(_) => Ok((Verdict::NONE.with(Flag::I01), None)),
            Standing::Refused(rejection) => Err(Outcome::Rejected(rejection.clone())),
            Standing::Duplicate(request) => Err(match request.leaf(source.offset) {
                Some(leaf) => Outcome::Duplicate { leaf: Some(leaf) },
                None => Outcome::Rejected(refused_before()),
            }),
        };
    };
    let refuse =
        |reason, detail: &str| Err(Outcome::Rejected(Rejection::new(reason, "stream.sequence", detail)));
    let sequence = stream.sequence;
    if sequence == u64::MAX {
        return refuse(Reason::InvalidRecord, "is the last number there is: begin a new stream");
    }
    let digest = short_digest(&record.record_digest);
    let place = match world.objects.get_located(located) {
        Some(known) => known.place(sequence, &digest),
        None => Stream::new().place(sequence, &digest),
    };
    let flags = match place {
        StreamPlace::Fits => Verdict::NONE,
        StreamPlace::AfterGap => Verdict::NONE.with(Flag::S01),
        StreamPlace::Reused => Verdict::NONE.with(Flag::S02),
        StreamPlace::Duplicate(leaf) => return Err(Outcome::Duplicate { leaf: Some(leaf) }),
        StreamPlace::Forgotten => return Err(Outcome::Duplicate { leaf: None }),
        StreamPlace::Exhausted => {
            let detail =
                format!("holds {CONTENTS_PER_NAME_MAX} contents already: give the record its own number");
            return refuse(Reason::RequestIdReused, &detail);
        }
    };
    Ok((flags, Some(StreamContent { sequence, leaf: world.head.size.next_leaf(), digest })))
}

/// The record's submitter is the bureau whose key signed; a suspended bureau's decisions are refused, its facts are not.
fn check_submitter(
    bureau: Option<&Bureau>,
    signer: BureauNumber,
    checked: &CheckedRecord,
) -> Result<(), Rejection> {
    let refuse = |reason, detail: &str| Err(Rejection::new(reason, "submitter", detail));
    let Some(bureau) = bureau else {
        return refuse(Reason::UnknownBureau, "is no bureau of this ledger");
    };
    if checked.record.submitter != signer.0 {
        return refuse(
            Reason::BadSignature,
            "is another bureau than the one whose key signed: sign with its own key",
        );
    }
    if bureau.suspended && checked.kind.row().nature != Nature::Fact {
        return refuse(Reason::UnknownBureau, "is suspended: it may report facts, not decide");
    }
    Ok(())
}

fn is_checked_without_stream(record: &VerifiedRecord) -> bool {
    record.content.as_ref().is_ok_and(|checked| checked.record.stream.is_none())
}

fn unbound_key() -> Rejection {
    let detail = "the admission's key is bound to no bureau, or no longer: bind it by a certificate_bound record, or \
                  submit through a node of the bureau";
    Rejection::new(Reason::BadSignature, "", detail)
}

fn refused_before() -> Rejection {
    let detail = "belongs to a submission of which this record was refused before: correct it and submit it under a \
                  new id";
    Rejection::new(Reason::DecisionRefused, "request_id", detail)
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message").to_owned()
}
