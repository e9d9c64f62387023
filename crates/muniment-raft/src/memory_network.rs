//! A network inside one process: nodes that live together, and the simulation's network with its faults.

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{FutureExt as _, StreamExt as _};
use muniment_core::NodeId;
use openraft::AsyncRuntime;
use openraft::async_runtime::{Instant as _, Select2};
use tokio::sync::mpsc;

use crate::environment::Environment;
use crate::transport::{Lane, PeerService, Transport, Unreachable};

type InstantOf<R> = <<R as Environment>::Runtime as AsyncRuntime>::Instant;

/// What happens to one message on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transit {
    /// It arrives after this time.
    After(Duration),
    /// It never arrives.
    Lost,
}

/// One message on a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message<'a> {
    /// A question, its kind in the first byte.
    Request(&'a [u8]),
    /// What is answered to one.
    Answer(&'a [u8]),
}

/// The links between nodes: decides for each message, each direction apart.
pub trait Links: Send + Sync + 'static {
    /// What happens to `message` from `from` to `to`; answers travel as messages of their own.
    fn transit(&self, from: NodeId, to: NodeId, message: Message<'_>) -> Transit;
}

/// Links without delay or loss.
#[derive(Clone, Copy, Debug, Default)]
pub struct PerfectLinks;

impl Links for PerfectLinks {
    fn transit(&self, _: NodeId, _: NodeId, _: Message<'_>) -> Transit {
        Transit::After(Duration::ZERO)
    }
}

/// Connects the nodes of one process. Cheap to clone.
pub struct MemoryNetwork<R> {
    shared: Arc<Shared>,
    environment: PhantomData<fn() -> R>,
}

struct Shared {
    services: Mutex<BTreeMap<NodeId, Arc<dyn PeerService>>>,
    links: Arc<dyn Links>,
}

/// One node's side of a [`MemoryNetwork`].
struct Endpoint<R> {
    me: NodeId,
    network: MemoryNetwork<R>,
}

impl<R> Clone for MemoryNetwork<R> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), environment: PhantomData }
    }
}

impl<R: Environment> MemoryNetwork<R> {
    /// A network over `links`.
    #[must_use]
    pub fn new(links: Arc<dyn Links>) -> Self {
        let shared = Shared { services: Mutex::default(), links };
        Self { shared: Arc::new(shared), environment: PhantomData }
    }

    /// The side of `me`, to send from.
    #[must_use]
    pub fn endpoint(&self, me: NodeId) -> Arc<dyn Transport> {
        Arc::new(Endpoint { me, network: self.clone() })
    }

    /// Lets `node` be reached; replaces an earlier service of that node.
    pub fn attach(&self, node: NodeId, service: Arc<dyn PeerService>) {
        self.services().insert(node, service);
    }

    /// Takes `node` off the network; messages to it are lost from now on.
    pub fn detach(&self, node: NodeId) {
        self.services().remove(&node);
    }

    fn services(&self) -> std::sync::MutexGuard<'_, BTreeMap<NodeId, Arc<dyn PeerService>>> {
        self.shared.services.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn service(&self, node: NodeId) -> Result<Arc<dyn PeerService>, Unreachable> {
        let service = self.services().get(&node).cloned();
        service.ok_or_else(|| Unreachable { to: node, reason: "it is not on the network".to_owned() })
    }

    /// Carries one message; a lost one leaves its sender waiting, as a real network does.
    async fn carry(&self, from: NodeId, to: NodeId, message: Message<'_>) {
        match self.shared.links.transit(from, to, message) {
            Transit::After(Duration::ZERO) => {}
            Transit::After(delay) => R::Runtime::sleep(delay).await,
            Transit::Lost => std::future::pending().await,
        }
    }
}

impl<R: Environment> Transport for Endpoint<R> {
    fn call(&self, to: NodeId, _: Lane, request: Bytes) -> BoxFuture<'static, Result<Bytes, Unreachable>> {
        let (network, me) = (self.network.clone(), self.me);
        async move {
            network.carry(me, to, Message::Request(&request)).await;
            let answer = network.service(to)?.answer(me, request).await;
            let refused = || Unreachable { to, reason: "it does not answer".to_owned() };
            let answer = answer.ok_or_else(refused)?;
            network.carry(to, me, Message::Answer(&answer)).await;
            Ok(answer)
        }
        .boxed()
    }

    fn stream(
        &self,
        to: NodeId,
        requests: BoxStream<'static, Bytes>,
    ) -> BoxStream<'static, Result<Bytes, Unreachable>> {
        let (network, me) = (self.network.clone(), self.me);
        let open = async move {
            let service = match network.service(to) {
                Ok(service) => service,
                Err(error) => return futures::stream::iter([Err(error)]).boxed(),
            };
            let arriving =
                delay_line::<R>(network.clone(), (me, to), requests, |bytes| Message::Request(bytes));
            let answers = service.answer_stream(me, arriving);
            let closed = Unreachable { to, reason: "it closed the stream".to_owned() };
            let answers = delay_line::<R>(network, (to, me), answers, |bytes| Message::Answer(bytes));
            answers.map(Ok).chain(futures::stream::iter([Err(closed)])).boxed()
        };
        open.flatten_stream().boxed()
    }
}

/// Carries a stream's messages in order: each arrives after its own delay, never before an earlier one. A lost message
/// breaks the stream, as a connection that stops answering does.
fn delay_line<R: Environment>(
    network: MemoryNetwork<R>,
    (from, to): (NodeId, NodeId),
    messages: BoxStream<'static, Bytes>,
    kind: for<'a> fn(&'a [u8]) -> Message<'a>,
) -> BoxStream<'static, Bytes> {
    let (sender, receiver) = mpsc::unbounded_channel::<(Option<InstantOf<R>>, Bytes)>();
    let pump = async move {
        let mut messages = messages;
        loop {
            let next = R::Runtime::select2(messages.next(), sender.closed()).await;
            let Select2::First(Some(message)) = next else { return };
            let at = match network.shared.links.transit(from, to, kind(&message)) {
                Transit::After(Duration::ZERO) => None,
                Transit::After(delay) => Some(InstantOf::<R>::now() + delay),
                Transit::Lost => return,
            };
            if sender.send((at, message)).is_err() {
                return;
            }
        }
    };
    drop(R::Runtime::spawn(pump));
    let arrivals = futures::stream::unfold(receiver, |mut receiver| async move {
        let (at, message) = receiver.recv().await?;
        if let Some(at) = at {
            R::Runtime::sleep_until(at).await;
        }
        Some((message, receiver))
    });
    arrivals.boxed()
}
