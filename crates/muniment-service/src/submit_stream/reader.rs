//! The reader of a call: what comes, checked, in order.

use std::sync::Arc;

use muniment_core::{Kind, Nature, Reason, v1 as records};
use muniment_proto::error_report::ErrorReport;
use muniment_proto::field_error::FieldError;
use muniment_proto::submission::{Level, StreamItem, StreamMessage};
use muniment_proto::v1;
use tokio::sync::{mpsc, watch};
use tonic::Streaming;

use super::{Item, Step, Unanswered, at};
use crate::admit;
use crate::caller::Caller;
use crate::gate;
use crate::refused::Refused;
use crate::service::Service;

/// Reads one call.
pub(super) struct Reader {
    pub(super) service: Arc<Service>,
    pub(super) caller: Caller,
    pub(super) unanswered: Unanswered,
    /// What the call waits for: set by its first message.
    pub(super) wait_for: watch::Sender<Level>,
    pub(super) steps: mpsc::UnboundedSender<Step>,
    /// The position that must come next; none before the first message.
    pub(super) next: Option<u64>,
}

impl Reader {
    /// Reads until the client has sent all, something is wrong, or nobody takes it any more.
    pub(super) async fn run(mut self, mut incoming: Streaming<v1::SubmitStreamRequest>) {
        let mut stopping = self.service.stopping.clone();
        loop {
            let message = tokio::select! {
                message = incoming.message() => message,
                () = self.steps.closed() => return,
                _ = stopping.wait_for(|stopping| *stopping) => {
                    self.hand_on(Step::End(Service::stopped()));
                    return;
                }
            };
            let refused = match message {
                Ok(Some(message)) => self.message(message).await.err(),
                Ok(None) => return,
                // A reader that is cut off is no error of the call's: its client has gone.
                Err(status) => Some(match gate::explain(&status) {
                    Some(report) => at(self.next.unwrap_or(0), report),
                    None => return,
                }),
            };
            if let Some(refused) = refused {
                self.hand_on(Step::End(refused));
                return;
            }
        }
    }

    /// Checks a message and hands on its items up to the first that is malformed.
    ///
    /// # Errors
    /// Why the call ends, and at which position.
    async fn message(&mut self, message: v1::SubmitStreamRequest) -> Result<(), Refused> {
        let position = message.position;
        if let Some(next) = self.next
            && next != position
        {
            let detail = format!("must be {next}: positions have no gaps");
            return Err(at(position, FieldError::invalid("position", detail)));
        }
        self.check_wait_for(message.wait_for).map_err(|error| at(position, error))?;
        if message.admission.is_empty() {
            self.unsigned(position, message).await
        } else {
            self.signed(position, message).await
        }
    }

    fn check_wait_for(&mut self, level: i32) -> Result<(), FieldError> {
        let wait_for = Level::from_wire("wait_for", level)?;
        if self.next.is_none() {
            self.wait_for.send_replace(wait_for.unwrap_or_default());
        } else if wait_for.is_some_and(|wait_for| wait_for != *self.wait_for.borrow()) {
            return Err(FieldError::invalid("wait_for", "must be what the first message of the call said"));
        }
        Ok(())
    }

    /// A message that the node signs for: its items stand or fall one by one.
    async fn unsigned(&mut self, position: u64, message: v1::SubmitStreamRequest) -> Result<(), Refused> {
        if self.caller.bureau != self.service.bureau {
            let message = "this node signs for clients of its own bureau only: sign each message's admission";
            return Err(at(position, ErrorReport::new(Reason::AttributionRequired, message)));
        }
        let count = message.items.len();
        // Bounds of the message as a whole; items are looked at below.
        if count == 0 || count > muniment_core::limits::BATCH_RECORDS_MAX {
            StreamMessage::try_from(message).map_err(|error| at(position, error))?;
            return Err(at(position, FieldError::invalid("items", "are too few or too many")));
        }
        let bounds = v1::SubmitStreamRequest { items: message.items.clone(), ..Default::default() };
        let too_large = StreamMessage::try_from(bounds).err();
        let too_large = too_large.filter(|error| error.errors().any(|error| error.field == "items"));
        if let Some(error) = too_large {
            return Err(at(position, error));
        }
        let mut items = Vec::with_capacity(count);
        let mut refused = None;
        for (index, item) in (0_u64..).zip(message.items) {
            match self.item(position + index, index, item) {
                Ok(item) => items.push(item),
                Err(error) => {
                    refused = Some(error);
                    break;
                }
            }
        }
        self.next = Some(position + items.len() as u64);
        if !items.is_empty() {
            self.unanswered.take(&items).await;
            self.hand_on(Step::Items(items));
        }
        refused.map_or(Ok(()), Err)
    }

    /// A message that its submitter signed for: all of it, or nothing.
    async fn signed(&mut self, position: u64, message: v1::SubmitStreamRequest) -> Result<(), Refused> {
        let message = StreamMessage::try_from(message).map_err(|error| at(position, error))?;
        let Some(admission) = message.admission else {
            return Err(at(position, Refused::internal("an admission was lost")));
        };
        let mut items = Vec::with_capacity(message.items.len());
        for (index, item) in (0_u64..).zip(message.items) {
            items.push(self.checked(position + index, index, item)?);
        }
        self.next = Some(position + items.len() as u64);
        self.unanswered.take(&items).await;
        self.hand_on(Step::Signed(items, admission));
        Ok(())
    }

    fn item(&self, position: u64, index: u64, item: v1::StreamItem) -> Result<Item, Refused> {
        let item = StreamItem::try_from(item);
        let item = item.map_err(|error| at(position, error.within(format_args!("items[{index}]"))))?;
        self.checked(position, index, item)
    }

    fn checked(&self, position: u64, index: u64, item: StreamItem) -> Result<Item, Refused> {
        let StreamItem { request_id, record } = item;
        let decoded = admit::decode(&self.service, &self.caller, &record.bytes);
        let decoded =
            decoded.map_err(|error| at(position, error.within(format_args!("items[{index}].record"))))?;
        admit::check_clock(&self.service, request_id, &decoded).map_err(|refused| at(position, refused))?;
        Ok(Item { position, request_id, record, goes_alone: !is_fact_of_a_stream(&decoded) })
    }

    /// A writer that has gone has said why.
    fn hand_on(&self, step: Step) {
        drop(self.steps.send(step));
    }
}

/// Facts are never refused for being wrong, and those of a stream not for their request id.
fn is_fact_of_a_stream(record: &records::Record) -> bool {
    let nature = record.body.as_ref().map(|body| Kind::of(body).row().nature);
    let sequence = record.stream.as_ref().map(|stream| stream.sequence);
    nature == Some(Nature::Fact) && sequence.is_some_and(|sequence| sequence < u64::MAX)
}
