//! A leader saw another tree than this node: find out who is wrong before anything is signed (02, "propose").

use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use openraft::AsyncRuntime;
use tokio::sync::mpsc;

use crate::environment::Environment;
use crate::machine::Divergence;
use crate::peer_messages::Kind;
use crate::shared::Core;
use crate::transport::Lane;

/// Between two rounds of questions while too few peers answer.
const ASK_AGAIN: std::time::Duration = std::time::Duration::from_millis(500);

/// Works until the node is over.
pub(crate) async fn run<R: Environment>(core: Arc<Core<R>>, mut found: mpsc::UnboundedReceiver<Divergence>) {
    while let Some(divergence) = core.lifecycle.next(&mut found).await {
        if core.lifecycle.is_doubtful() {
            continue;
        }
        core.lifecycle.set_doubtful(true);
        let Divergence { size, ours, leaders } = divergence;
        core.lifecycle.alarm(format!(
            "at size {size} this node's root starts {ours:02x?}, the leader's {leaders:02x?}: nothing is signed"
        ));
        settle(&core, divergence).await;
    }
}

/// Asks every member until a majority agrees on one side.
async fn settle<R: Environment>(core: &Core<R>, divergence: Divergence) {
    let Divergence { size, ours, leaders } = divergence;
    let majority = core.context.members.members.len() / 2 + 1;
    let leader = core.router.leader();
    loop {
        let mut question = Kind::RootPrefix.message();
        question.extend_from_slice(&size.0.to_be_bytes());
        let question = Bytes::from(question);
        let mut answers: FuturesUnordered<_> = core
            .peers
            .iter()
            .map(|peer| {
                let call = core.transport.call(*peer, Lane::Urgent, question.clone());
                R::Runtime::timeout(core.timings.peer_call, call)
            })
            .collect();
        let (mut with_us, mut against_us) = (1, 0);
        while let Some(answer) = answers.next().await {
            if let Ok(Ok(prefix)) = answer {
                with_us += usize::from(prefix == ours[..]);
                against_us += usize::from(prefix == leaders[..]);
            }
        }
        if against_us >= majority {
            let reason = format!("a majority has another root at size {size}: this node's tree is wrong");
            core.lifecycle.halt(reason);
            return;
        }
        if with_us >= majority {
            // The leader is wrong: without this node's acknowledgements it loses its quorum, and an election follows.
            core.refuse_leader(leader);
            core.lifecycle.set_doubtful(false);
            return;
        }
        if core.lifecycle.is_over() {
            return;
        }
        R::Runtime::sleep(ASK_AGAIN).await;
    }
}
