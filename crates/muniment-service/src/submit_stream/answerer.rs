//! The answerer of a call: results in order, at the level that was asked for where it is reached in time.

use std::sync::Arc;

use muniment_core::Reason;
use muniment_proto::submission::Level;
use muniment_proto::v1;
use tokio::sync::{mpsc, watch};

use super::{Unanswered, Written};
use crate::deadline::Deadline;
use crate::outbox::{Outbox, Said};
use crate::refused::Refused;
use crate::service::Service;
use crate::submit;

/// Answers one call.
pub(super) struct Answerer {
    pub(super) service: Arc<Service>,
    pub(super) unanswered: Unanswered,
    pub(super) wait_for: watch::Receiver<Level>,
    pub(super) written: mpsc::UnboundedReceiver<Written>,
}

impl Answerer {
    /// Answers until the call ends.
    pub(super) async fn run(mut self, outbox: Outbox<v1::SubmitStreamResponse>) {
        let refused = loop {
            let written = tokio::select! {
                written = self.written.recv() => written,
                () = outbox.gone() => break None,
            };
            match written {
                None => break None,
                Some(Written::End(refused)) => break Some(refused),
                Some(Written::Group { items, outcome }) => {
                    if let (Some(first), false) = (items.first(), items.is_empty()) {
                        let position = first.position;
                        let ids: Vec<_> = items.iter().map(|item| item.request_id).collect();
                        let deadline = Deadline::after(self.service.limits.call * 9 / 10);
                        let wait_for = *self.wait_for.borrow();
                        let results = submit::results(&self.service, ids, &outcome, wait_for, deadline);
                        let results = results.await;
                        let header = Some(self.service.header());
                        let message = v1::SubmitStreamResponse { header, position, results };
                        match outbox.say(message, self.service.limits.slow_reader).await {
                            Said::Taken => {}
                            Said::Gone => break None,
                            Said::TooSlow => break Some(self.too_slow()),
                        }
                    }
                    self.unanswered.give_back(&items);
                }
            }
        };
        outbox.finish(refused);
    }

    fn too_slow(&self) -> Refused {
        self.service.metrics.slow_readers.inc();
        let message =
            "the results were not read in time; resume from the first unanswered record, with the same ids";
        Refused::new(Reason::SlowReader, message)
    }
}
