//! `munimentd serve`: the node's parts in the order in which they start and stop.

pub(crate) mod logging;
pub(crate) mod node;
pub(crate) mod signals;

use std::time::Duration;

use anyhow::{Context as _, bail};
use muniment_raft::NodeState;

use crate::config::Config;
use node::Running;
use signals::{Signal, Signals};

/// How long the node says that it is not ready before anything of it ends: load balancers and clients turn away.
const TURN_AWAY: Duration = Duration::from_secs(3);
/// Between two looks at whether the node still runs.
const LOOK: Duration = Duration::from_millis(200);

/// Runs the node until it is told to stop, or fails.
///
/// # Errors
/// What kept it from starting, or what ended it.
pub(crate) fn run(config: &Config) -> anyhow::Result<()> {
    logging::start(config.log);
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().context("start threads")?;
    let done = runtime.block_on(serve(config));
    // What still runs is calls whose time is over.
    runtime.shutdown_timeout(Duration::from_secs(1));
    done
}

async fn serve(config: &Config) -> anyhow::Result<()> {
    let mut signals = Signals::listen()?;
    let running = Running::start(config).await?;
    tracing::info!(
        node = running.node().0,
        client = %running.public_address(),
        peer = %running.peer_address(),
        internal = %running.internal_address(),
        "serving"
    );
    let failure = loop {
        match tokio::time::timeout(LOOK, signals.next()).await {
            Ok(Signal::Reload) => running.reload().await,
            Ok(Signal::Stop) => break None,
            Err(_) => {
                if let NodeState::Failed(reason) = running.state() {
                    break Some(reason);
                }
            }
        }
    };
    let stop = async {
        if failure.is_none() {
            running.turn_away();
            tokio::time::sleep(TURN_AWAY).await;
        }
        running.stop().await;
    };
    tokio::select! {
        () = stop => {}
        () = signals.second_stop() => bail!("told to stop a second time: ended at once"),
    }
    match failure {
        None => Ok(()),
        Some(reason) => bail!("the node failed: {reason}"),
    }
}
