//! One call: at which member, how often, and until when.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use muniment_core::{Reason, RequestId};
use muniment_proto::error_code::{Retry, Written, retry_of, written_of};
use muniment_proto::error_report::{ErrorReport, Unreported};
use tokio::time::{Instant, timeout};
use tonic::transport::Channel;
use tonic::{Code, Request, Response, Status};

use crate::error::Error;
use crate::member::{Bureau, Member};
use crate::options::RetryPolicy;
use crate::tls::{DialError, Dialler};

/// What a member is given beyond the deadline that it was told, so that its own answer comes first.
const GRACE: Duration = Duration::from_millis(250);

/// Whether a call changes the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// It does not.
    Read,
    /// It does, under this request id.
    Write(RequestId),
}

/// An answer, and who gave it.
pub(crate) struct Answered<T> {
    pub(crate) answer: T,
    pub(crate) member: Arc<Member>,
}

/// Why one try brought no answer.
pub(crate) enum Fault {
    /// Nothing was sent.
    Dial(DialError),
    /// A member refused.
    Refused(ErrorReport),
    /// No member's word; the request may have arrived.
    Bare { code: Code, message: String },
}

/// Calls members.
pub(crate) struct Caller {
    pub(crate) members: Vec<Arc<Member>>,
    pub(crate) dialler: Dialler,
    pub(crate) deadline: Duration,
    pub(crate) retry: RetryPolicy,
    /// Whose turn it is.
    next: AtomicUsize,
    /// The address of the leader, where it was named and is one of the members.
    leader: std::sync::Mutex<Option<String>>,
}

/// What the tries of a call have brought.
#[derive(Default)]
struct Tried {
    tries: u32,
    /// Whether one of them may have written.
    is_unknown: bool,
    refused: Option<(String, ErrorReport)>,
    /// A refusal to sign for another bureau's client: the call's error only where nothing else went wrong.
    foreign: Option<(String, ErrorReport)>,
    others_failed: bool,
    /// A member that refused the caller's certificate, and why.
    certificate: Option<(String, String)>,
    last: String,
}

impl Caller {
    pub(crate) fn new(
        members: Vec<String>,
        dialler: Dialler,
        deadline: Duration,
        retry: RetryPolicy,
    ) -> Self {
        let members = members.into_iter().map(|address| Arc::new(Member::new(address))).collect();
        Self { members, dialler, deadline, retry, next: AtomicUsize::new(0), leader: Default::default() }
    }

    /// Members in the order in which to try them: in turn, those that answered last first; for a write the caller's own
    /// bureau's only, once they are known, and the leader before the others.
    pub(crate) fn order(&self, purpose: Purpose) -> Vec<Arc<Member>> {
        let turn = self.next.fetch_add(1, Ordering::Relaxed) % self.members.len().max(1);
        let mut order: Vec<_> = self.members[turn..].iter().chain(&self.members[..turn]).cloned().collect();
        if purpose != Purpose::Read {
            let leader = self.leader.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
            order.sort_by_key(|member| leader.as_ref() != Some(&member.address));
            if order.iter().any(|member| member.bureau() == Bureau::Own) {
                order.retain(|member| member.bureau() != Bureau::Other);
            }
        }
        order.sort_by_key(|member| member.is_failing());
        order
    }

    /// Follows a leader hint. Only to members that the caller named: an answer makes nobody dial anywhere.
    pub(crate) fn hint(&self, address: &str) {
        if self.members.iter().any(|member| member.address == address) {
            let mut leader = self.leader.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            if leader.as_deref() != Some(address) {
                *leader = Some(address.to_owned());
            }
        }
    }

    /// Calls until there is an answer, a refusal that a retry would not change, or no time left.
    pub(crate) async fn call<R, T, F, Fut>(
        &self,
        name: &'static str,
        purpose: Purpose,
        request: R,
        send: F,
    ) -> Result<Answered<T>, Error>
    where
        R: Clone,
        F: Fn(Channel, Request<R>) -> Fut,
        Fut: Future<Output = Result<Response<T>, Status>>,
    {
        let began = Instant::now();
        let end = began + self.deadline;
        let mut tried = Tried::default();
        'rounds: for round in 0..self.retry.attempts.max(1) {
            let mut pause = self.retry.pause(round);
            let mut is_shut_out = true;
            for member in self.order(purpose) {
                let left = end.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    break 'rounds;
                }
                // The rest is kept for another try: a member that hangs must not use it all up.
                let limit = if round + 1 < self.retry.attempts { left / 2 } else { left };
                tried.tries += 1;
                let fault = match self.once(&member, request.clone(), limit, &send).await {
                    Ok(answer) => return Ok(Answered { answer, member }),
                    Err(fault) => fault,
                };
                is_shut_out &= matches!(fault, Fault::Dial(DialError::CertificateRefused(_)));
                let goes_on = tried.note(purpose, &member, fault, name)?;
                match goes_on {
                    Next::Member => {}
                    Next::Round(asked) => {
                        pause = pause.max(asked);
                        break;
                    }
                }
            }
            let is_foreign = self.members.iter().all(|member| member.bureau() == Bureau::Other);
            if is_shut_out || (is_foreign && purpose != Purpose::Read) {
                break;
            }
            let left = end.saturating_duration_since(Instant::now());
            if round + 1 < self.retry.attempts && !left.is_zero() {
                tokio::time::sleep(pause.min(left)).await;
            }
        }
        Err(tried.into_error(name, purpose, began.elapsed()))
    }

    /// Tries once, at one member.
    pub(crate) async fn once<R, T, F, Fut>(
        &self,
        member: &Member,
        request: R,
        limit: Duration,
        send: F,
    ) -> Result<T, Fault>
    where
        F: Fn(Channel, Request<R>) -> Fut,
        Fut: Future<Output = Result<Response<T>, Status>>,
    {
        let end = Instant::now() + limit;
        let channel = match member.channel(&self.dialler, limit).await {
            Ok(channel) => channel,
            Err(error) => {
                member.failed().await;
                return Err(Fault::Dial(error));
            }
        };
        let left = end.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        let mut request = Request::new(request);
        request.set_timeout(left);
        let answered = timeout(left + GRACE, send(channel, request)).await;
        let answered = answered.unwrap_or_else(|_| Err(Status::deadline_exceeded("no answer in time")));
        match answered {
            Ok(response) => {
                member.answered();
                Ok(response.into_inner())
            }
            Err(status) => {
                let fault = Fault::of(&status);
                match &fault {
                    Fault::Refused(_) => member.answered(),
                    Fault::Dial(_) | Fault::Bare { .. } => member.failed().await,
                }
                Err(fault)
            }
        }
    }
}

/// Where a call goes on after a fault.
enum Next {
    /// At the next member, at once.
    Member,
    /// In the next round, after this pause or a longer one.
    Round(Duration),
}

impl Tried {
    /// Takes note of a fault.
    ///
    /// # Errors
    /// The call's error, where trying again changes nothing.
    fn note(
        &mut self,
        purpose: Purpose,
        member: &Member,
        fault: Fault,
        name: &'static str,
    ) -> Result<Next, Error> {
        let endpoint = &member.address;
        let is_foreign =
            matches!(&fault, Fault::Refused(report) if report.reason == Reason::AttributionRequired);
        if !is_foreign || self.last.is_empty() {
            self.last = format!("{endpoint}: {fault}");
        }
        self.others_failed |= !is_foreign;
        let is_write = purpose != Purpose::Read;
        match fault {
            Fault::Dial(error) => {
                if let DialError::CertificateRefused(why) = error {
                    self.certificate = Some((endpoint.clone(), why));
                }
                Ok(Next::Member)
            }
            // Nobody else's node signs for this caller: only the others are asked from now on.
            Fault::Refused(report) if is_write && report.reason == Reason::AttributionRequired => {
                member.learn(Bureau::Other);
                self.foreign = Some((endpoint.clone(), report));
                Ok(Next::Member)
            }
            Fault::Refused(report) => {
                let retry = retry_of(report.reason);
                self.is_unknown |= is_write && written_of(report.reason) == Written::Unknown;
                // A refusal of these very bytes is the same at each try; any other says nothing about an earlier one.
                let is_definite =
                    retry == Retry::No && (!self.is_unknown || report.code() == Code::InvalidArgument);
                if is_definite {
                    return Err(Error::refused(name, endpoint, report));
                }
                let asked = report.retry_after.unwrap_or_default();
                self.refused = Some((endpoint.clone(), report));
                Ok(match retry {
                    Retry::Elsewhere => Next::Member,
                    Retry::Same | Retry::No => Next::Round(asked),
                })
            }
            Fault::Bare { code, .. } if is_write && is_lost(code) => {
                self.is_unknown = true;
                Ok(Next::Member)
            }
            Fault::Bare { code, .. } if is_lost(code) => Ok(Next::Member),
            Fault::Bare { code, message } => {
                Err(Error::Foreign { call: name, endpoint: endpoint.clone(), code, message })
            }
        }
    }

    fn into_error(self, call: &'static str, purpose: Purpose, waited: Duration) -> Error {
        if let Purpose::Write(request_id) = purpose
            && self.is_unknown
        {
            return Error::OutcomeUnknown { call, request_id, tries: self.tries, last: self.last };
        }
        let foreign = self.foreign.filter(|_| !self.others_failed);
        match (self.refused.or(foreign), self.certificate) {
            (Some((endpoint, report)), _) => Error::refused(call, &endpoint, report),
            (None, Some((endpoint, why))) => Error::CertificateRefused { call, endpoint, why },
            (None, None) => Error::Unreachable { call, waited, last: self.last },
        }
    }
}

/// Whether a code without a member's word is what a lost answer looks like.
pub(crate) fn is_lost(code: Code) -> bool {
    matches!(code, Code::Unavailable | Code::DeadlineExceeded | Code::Cancelled | Code::Unknown)
}

impl Fault {
    pub(crate) fn of(status: &Status) -> Self {
        match ErrorReport::from_status(status) {
            Ok(report) => Self::Refused(report),
            Err(Unreported::Bare { code, message }) => Self::Bare { code, message },
            Err(other) => Self::Bare { code: status.code(), message: other.to_string() },
        }
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Dial(error) => error.fmt(f),
            Self::Refused(report) => write!(f, "{}: {}", report.reason, report.message),
            Self::Bare { code, message } => write!(f, "{code:?}: {message}"),
        }
    }
}
