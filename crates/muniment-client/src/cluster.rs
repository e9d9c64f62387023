//! What each member says for itself.

use futures::future::join_all;
use muniment_core::checkpoint::Checkpoint;
use muniment_proto::admin::v1 as admin;
use muniment_proto::admin::v1::cluster_service_client::ClusterServiceClient;
use muniment_proto::v1;

use crate::call::Fault;
use crate::client::{Asked, Client, ledger, refuted};
use crate::error::Error;
use crate::member::Member;

/// The checkpoint that one member shows.
#[derive(Debug)]
pub struct MemberCheckpoint {
    /// The member's address.
    pub endpoint: String,
    /// Its newest cosigned checkpoint: verified, and consistent with the pin and so with every other member's.
    pub checkpoint: Result<Checkpoint, Error>,
}

impl Client {
    /// Asks every member for its status, side by side, each once: what it says is its own word. Needs an administrator's
    /// certificate.
    pub async fn status(&self) -> Vec<(String, Result<admin::GetStatusResponse, Error>)> {
        let members = self.caller().members.iter();
        join_all(members.map(async |member| (member.address.clone(), self.status_of(member).await))).await
    }

    async fn status_of(&self, member: &Member) -> Result<admin::GetStatusResponse, Error> {
        const CALL: &str = "GetStatus";
        let caller = self.caller();
        let request = admin::GetStatusRequest {};
        let answered = caller.once(member, request, caller.deadline, |channel, request| async move {
            ClusterServiceClient::new(channel).get_status(request).await
        });
        let answer = answered.await.map_err(|fault| self.alone(CALL, member, fault))?;
        self.header(CALL, &member.address, answer.header.clone())?;
        Ok(answer)
    }

    /// Compares the newest checkpoints of all members with the pin, one after another. The pin goes on to the newest, so that
    /// members that hold here are consistent with each other.
    pub async fn compare_checkpoints(&self) -> Vec<MemberCheckpoint> {
        let mut found = Vec::with_capacity(self.caller().members.len());
        for member in &self.caller().members {
            let checkpoint = self.checkpoint_of(member).await;
            found.push(MemberCheckpoint { endpoint: member.address.clone(), checkpoint });
        }
        found
    }

    async fn checkpoint_of(&self, member: &Member) -> Result<Checkpoint, Error> {
        const CALL: &str = "GetCheckpoint";
        let caller = self.caller();
        let request = v1::GetCheckpointRequest { min_size: 0 };
        let answered = caller.once(member, request, caller.deadline, |channel, request| async move {
            ledger(channel).get_checkpoint(request).await
        });
        let answer = answered.await.map_err(|fault| self.alone(CALL, member, fault))?;
        self.header(CALL, &member.address, answer.header)?;
        let offered = Checkpoint::parse(&answer.checkpoint);
        let offered = offered.map_err(|error| refuted(CALL, &member.address, error.into()))?;
        self.take(CALL, &member.address, offered.clone(), Asked::Newest).await?;
        Ok(offered)
    }

    /// The error of a call to one member only.
    fn alone(&self, call: &'static str, member: &Member, fault: Fault) -> Error {
        let endpoint = member.address.clone();
        match fault {
            Fault::Refused(report) => Error::refused(call, &endpoint, report),
            Fault::Bare { code, message } if !crate::call::is_lost(code) => {
                Error::Foreign { call, endpoint, code, message }
            }
            fault @ (Fault::Dial(_) | Fault::Bare { .. }) => {
                Error::unanswered(call, &endpoint, fault, self.caller().deadline)
            }
        }
    }
}
