//! Writes one after another: a bounded number unanswered, resumed at the first unanswered one with the same ids.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::channel::mpsc;
use futures::{FutureExt as _, SinkExt as _, Stream, StreamExt as _};
use muniment_core::{Hash, Reason, RequestId};
use muniment_proto::error_code::{Retry, retry_of};
use muniment_proto::error_report::ErrorReport;
use muniment_proto::submission::{Level, SUBMISSION_OVERHEAD};
use muniment_proto::{FieldError, metadata, v1};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tonic::{Code, Streaming};

use crate::call::{Fault, Purpose, is_lost};
use crate::client::{Client, broken, ledger};
use crate::error::Error;
use crate::member::{Bureau, Member};
use crate::prepared::Prepared;
use crate::submit::Submitted;
use crate::tls::DialError;

const CALL: &str = "SubmitStream";
/// Records unanswered, at most: half of where a member stops reading.
const UNANSWERED_MAX: usize = 2_048;
/// Bytes of them, at most, with what stands around records.
const UNANSWERED_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Records of one message, at most.
const MESSAGE_RECORDS_MAX: usize = 256;
/// Bytes of one message, at most, unless its one record has more.
const MESSAGE_BYTES_MAX: usize = 256 * 1024;

/// How a stream of submissions is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StreamOptions {
    /// What each record waits for before it is answered.
    pub wait_for: Level,
    /// Whether the stream goes on after a record that is refused: that one is left out, and may leave a gap (S01) in its
    /// stream of records. Otherwise nothing after it is written.
    pub skip_refused: bool,
}

/// What became of one record of a stream.
#[derive(Debug)]
pub struct Answered {
    /// Its position in the caller's stream, from 0.
    pub position: u64,
    /// Its request id.
    pub request_id: RequestId,
    /// Its digest.
    pub digest: Hash,
    /// Where it is, or why it was refused.
    pub result: Result<Submitted, Error>,
}

impl Client {
    /// Appends records one after another. Answers come in the same order, each once; an `Err` is the stream's end, and what
    /// was not answered by then may be submitted again as it is.
    ///
    /// A lost connection or a change of leader only pauses it, as long as something is answered within the deadline.
    /// Dropping the answers ends it.
    pub fn submit_stream<S>(
        &self,
        submissions: S,
        options: StreamOptions,
    ) -> impl Stream<Item = Result<Answered, Error>> + Send + use<S>
    where
        S: Stream<Item = Prepared> + Send + 'static,
    {
        let (results, answers) = mpsc::channel(64);
        let run = Run {
            client: self.clone(),
            source: Box::pin(submissions),
            options,
            results,
            unanswered: VecDeque::new(),
            bytes: 0,
            next: 0,
            sent_before: 0,
            exhausted: false,
            progress: Instant::now(),
            failing_since: None,
            last: String::new(),
            certificate: None,
            tries: 0,
        };
        tokio::spawn(run.run());
        answers
    }
}

/// One stream, over as many calls as it takes.
struct Run {
    client: Client,
    source: Pin<Box<dyn Stream<Item = Prepared> + Send>>,
    options: StreamOptions,
    results: mpsc::Sender<Result<Answered, Error>>,
    /// What was taken from the source and has no answer, in order.
    unanswered: VecDeque<(u64, Prepared)>,
    bytes: usize,
    /// Position that the source's next record gets.
    next: u64,
    /// Records below this position may have been written by a call that broke.
    sent_before: u64,
    exhausted: bool,
    /// When something was last answered, or came to wait for an answer, or was sent again.
    progress: Instant,
    /// Since when calls break without an answer.
    failing_since: Option<Instant>,
    last: String,
    /// Who refused the caller's certificate last, and why; none once another connection came about.
    certificate: Option<(String, String)>,
    tries: u32,
}

/// Why a call of the stream is over.
enum End {
    /// All is answered.
    Done,
    /// Nobody reads the answers.
    Gone,
    /// The stream's error.
    Error(Error),
    /// It broke, or a member ended it.
    Fault(Arc<Member>, Fault),
}

/// An open call.
struct Session {
    member: Arc<Member>,
    messages: Option<mpsc::Sender<v1::SubmitStreamRequest>>,
    answers: Streaming<v1::SubmitStreamResponse>,
}

impl Run {
    async fn run(mut self) {
        let mut round = 0;
        loop {
            let answered = self.next - self.unanswered.len() as u64;
            self.tries += 1;
            let end = match self.session().await {
                End::Fault(member, fault) => self.judge(&member, fault).await,
                end => Err(end),
            };
            let pause = match end {
                Ok(pause) => pause,
                Err(End::Error(error)) => {
                    // Nobody to tell is nothing to tell.
                    drop(self.results.send(Err(error)).await);
                    return;
                }
                Err(End::Done | End::Gone | End::Fault(..)) => return,
            };
            self.sent_before = self.next;
            let progressed = self.next - self.unanswered.len() as u64 > answered;
            round = if progressed { 0 } else { round + 1 };
            if let Some(asked) = pause {
                sleep(self.client.caller().retry.pause(round).max(asked)).await;
            }
        }
    }

    /// What follows from a fault: a pause, if any, and another call; or the end.
    async fn judge(&mut self, member: &Member, fault: Fault) -> Result<Option<Duration>, End> {
        let failing_since = *self.failing_since.get_or_insert_with(Instant::now);
        let is_over = failing_since.elapsed() > self.client.caller().deadline;
        self.last = format!("{}: {fault}", member.address);
        self.certificate = match &fault {
            Fault::Dial(DialError::CertificateRefused(why)) => Some((member.address.clone(), why.clone())),
            _ => None,
        };
        match fault {
            Fault::Refused(report) if report.reason == Reason::AttributionRequired => {
                member.learn(Bureau::Other);
                let members = &self.client.caller().members;
                if members.iter().all(|member| member.bureau() == Bureau::Other) {
                    return Err(End::Error(Error::refused(CALL, &member.address, report)));
                }
                if is_over { Err(End::Error(self.unknown())) } else { Ok(Some(Duration::ZERO)) }
            }
            Fault::Refused(report) if retry_of(report.reason) == Retry::No => {
                self.refused(member, report).await
            }
            Fault::Bare { code, message } if !is_lost(code) => {
                let endpoint = member.address.clone();
                Err(End::Error(Error::Foreign { call: CALL, endpoint, code, message }))
            }
            _ if is_over => Err(End::Error(self.unknown())),
            Fault::Refused(report) => Ok(Some(report.retry_after.unwrap_or_default())),
            Fault::Dial(_) | Fault::Bare { .. } => Ok(Some(Duration::ZERO)),
        }
    }

    /// One record was refused for good: it is answered, and the stream goes on or ends.
    async fn refused(&mut self, member: &Member, report: ErrorReport) -> Result<Option<Duration>, End> {
        let position = report.number(metadata::POSITION);
        let is_first = position.is_some() && self.unanswered.front().map(|(at, _)| *at) == position;
        let error = Error::refused(CALL, &member.address, report.clone());
        if !is_first {
            return Err(End::Error(error));
        }
        let error = self.client.noting_clock(error);
        // A call that broke may have written it; only a refusal of the very bytes says that it did not.
        let is_unknown =
            position.is_some_and(|at| at < self.sent_before) && report.code() != Code::InvalidArgument;
        let result = if is_unknown { Err(self.unknown()) } else { Err(error) };
        self.answer(result).await?;
        if self.options.skip_refused && !is_unknown { Ok(None) } else { Err(End::Done) }
    }

    /// The error of a stream that could not go on.
    fn unknown(&self) -> Error {
        let last = self.last.clone();
        match self.unanswered.front() {
            Some((position, prepared)) if *position < self.sent_before => {
                Error::OutcomeUnknown { call: CALL, request_id: prepared.request_id, tries: self.tries, last }
            }
            _ => match self.certificate.clone() {
                Some((endpoint, why)) => Error::CertificateRefused { call: CALL, endpoint, why },
                None => {
                    let waited = self.failing_since.map_or(Duration::ZERO, |since| since.elapsed());
                    Error::Unreachable { call: CALL, waited, last }
                }
            },
        }
    }

    /// Opens a call and works through it.
    async fn session(&mut self) -> End {
        let id = self.unanswered.front().map_or(RequestId([0; 16]), |(_, prepared)| prepared.request_id);
        let Some(member) = self.client.caller().order(Purpose::Write(id)).into_iter().next() else {
            let last = "no endpoint".to_owned();
            return End::Error(Error::Unreachable { call: CALL, waited: Duration::ZERO, last });
        };
        let opened = self.open(&member).await;
        let mut session = match opened {
            Ok(session) => session,
            Err(fault) => {
                member.failed().await;
                return End::Fault(member, fault);
            }
        };
        let opened = Instant::now();
        let end = match self.resend(&mut session).await {
            Ok(()) => self.work(&mut session).await,
            Err(end) => end,
        };
        if self.unanswered.is_empty() && opened.elapsed() > self.client.caller().deadline / 2 {
            // It held, and nothing was asked of it.
            self.failing_since = None;
        }
        match &end {
            End::Fault(_, Fault::Bare { .. }) => member.failed().await,
            _ => member.answered(),
        }
        end
    }

    async fn open(&mut self, member: &Arc<Member>) -> Result<Session, Fault> {
        let caller = self.client.caller();
        let limit = caller.deadline / 2;
        let channel = member.channel(&caller.dialler, limit).await.map_err(Fault::Dial)?;
        let (messages, requests) = mpsc::channel(8);
        let answers = timeout(limit, ledger(channel).submit_stream(requests)).await;
        let answers = answers.unwrap_or_else(|_| Err(tonic::Status::deadline_exceeded("not opened in time")));
        let answers = answers.map_err(|status| Fault::of(&status))?.into_inner();
        Ok(Session { member: Arc::clone(member), messages: Some(messages), answers })
    }

    /// Sends again what a broken call left unanswered.
    async fn resend(&mut self, session: &mut Session) -> Result<(), End> {
        self.progress = Instant::now();
        let mut from = 0;
        while from < self.unanswered.len() {
            let (mut until, mut bytes) = (from, 0);
            while until < self.unanswered.len() && until - from < MESSAGE_RECORDS_MAX {
                bytes += weight(&self.unanswered[until].1);
                if until > from && bytes > MESSAGE_BYTES_MAX {
                    break;
                }
                until += 1;
            }
            self.send(session, from, until).await?;
            from = until;
        }
        Ok(())
    }

    /// Sends the unanswered records `from..until` in one message.
    async fn send(&mut self, session: &mut Session, from: usize, until: usize) -> Result<(), End> {
        let Some(position) = self.unanswered.get(from).map(|(position, _)| *position) else { return Ok(()) };
        let items = self.unanswered.range(from..until).map(|(_, prepared)| v1::StreamItem {
            request_id: Bytes::copy_from_slice(&prepared.request_id.0),
            record: Some(prepared.record.clone().into()),
        });
        let message = v1::SubmitStreamRequest {
            position,
            items: items.collect(),
            wait_for: v1::Level::from(self.options.wait_for).into(),
            admission: Bytes::new(),
        };
        let Some(messages) = &mut session.messages else { return Ok(()) };
        let sent = timeout(self.client.caller().deadline / 2, messages.send(message)).await;
        if matches!(sent, Ok(Ok(()))) {
            return Ok(());
        }
        // The call is over; its status says why.
        match timeout(Duration::from_secs(1), self.receive(session)).await {
            Ok(Err(end)) => Err(end),
            Ok(Ok(_)) | Err(_) => Err(lost(&session.member, "the call does not take records any more")),
        }
    }

    /// Feeds and reads until the call is over.
    async fn work(&mut self, session: &mut Session) -> End {
        loop {
            if self.exhausted && session.messages.is_some() {
                session.messages = None;
            }
            if self.exhausted && self.unanswered.is_empty() {
                return End::Done;
            }
            let idle = self.progress + self.client.caller().deadline / 2;
            let has_room = self.unanswered.len() < UNANSWERED_MAX && self.bytes < UNANSWERED_BYTES_MAX;
            let done = tokio::select! {
                received = session.answers.message() => self.received(session, received).await,
                item = self.source.next(), if has_room && !self.exhausted => {
                    self.take(session, item).await
                }
                () = sleep_until(idle), if !self.unanswered.is_empty() => {
                    Err(lost(&session.member, "nothing was answered in time"))
                }
            };
            if let Err(end) = done {
                return end;
            }
        }
    }

    /// Takes a record and what else is ready, and sends them.
    async fn take(&mut self, session: &mut Session, first: Option<Prepared>) -> Result<(), End> {
        let from = self.unanswered.len();
        if from == 0 {
            self.progress = Instant::now();
        }
        let (mut item, mut bytes) = (first, 0);
        loop {
            let Some(prepared) = item else {
                self.exhausted = true;
                break;
            };
            let weight = weight(&prepared);
            bytes += weight;
            self.bytes += weight;
            self.unanswered.push_back((self.next, prepared));
            self.next += 1;
            if self.unanswered.len() - from >= MESSAGE_RECORDS_MAX || bytes >= MESSAGE_BYTES_MAX {
                break;
            }
            match self.source.next().now_or_never() {
                Some(ready) => item = ready,
                None => break,
            }
        }
        self.send(session, from, self.unanswered.len()).await
    }

    async fn receive(&mut self, session: &mut Session) -> Result<(), End> {
        let received = session.answers.message().await;
        self.received(session, received).await
    }

    /// Hands on the results of a message.
    async fn received(
        &mut self,
        session: &Session,
        received: Result<Option<v1::SubmitStreamResponse>, tonic::Status>,
    ) -> Result<(), End> {
        let member = &session.member;
        let endpoint = &member.address;
        let message = match received {
            Ok(Some(message)) => message,
            Ok(None) if self.unanswered.is_empty() && self.exhausted => return Err(End::Done),
            Ok(None) => return Err(lost(member, "the call ended early")),
            Err(status) => return Err(End::Fault(Arc::clone(member), Fault::of(&status))),
        };
        self.client.header(CALL, endpoint, message.header).map_err(End::Error)?;
        for (position, result) in (message.position..).zip(message.results) {
            if self.unanswered.front().map(|(at, _)| *at) != Some(position) {
                let detail = format!("is {position}, which is not the first that waits for an answer");
                return Err(End::Error(broken(CALL, endpoint, FieldError::invalid("position", detail))));
            }
            let mut result = self.client.result(CALL, endpoint, result);
            if let (Ok(submitted), Some((_, prepared))) = (&result, self.unanswered.front())
                && submitted.place.is_none()
            {
                result = self.client.placed(submitted.clone(), prepared.digest).await;
            }
            self.answer(result).await?;
        }
        Ok(())
    }

    /// Answers the first record that waits.
    async fn answer(&mut self, result: Result<Submitted, Error>) -> Result<(), End> {
        let Some((position, prepared)) = self.unanswered.pop_front() else { return Ok(()) };
        self.bytes -= weight(&prepared);
        self.failing_since = None;
        let Prepared { request_id, digest, .. } = prepared;
        let answered = Answered { position, request_id, digest, result };
        let handed_on = self.results.send(Ok(answered)).await;
        // A reader that takes its time is no reason to give the members up.
        self.progress = Instant::now();
        handed_on.map_err(|_| End::Gone)
    }
}

/// What a record counts of a message.
fn weight(prepared: &Prepared) -> usize {
    SUBMISSION_OVERHEAD + prepared.record.weight()
}

fn lost(member: &Arc<Member>, what: &str) -> End {
    End::Fault(Arc::clone(member), Fault::Bare { code: Code::Unavailable, message: what.to_owned() })
}
