//! `muniment.admin.v1.ClusterService`: how the asked node and its members fare.

use std::sync::Arc;

use muniment_core::NodeId;
use muniment_proto::admin::v1;
use muniment_proto::admin::v1::cluster_service_server::ClusterService;
use muniment_raft::{NodeState, Role, Status as NodeStatus};
use tonic::{Request, Response, Status};

use crate::ledger_service::{answer, call_of};
use crate::refused::Answer;
use crate::service::Service;

/// The operators' service over one node.
pub(crate) struct ClusterApi(pub(crate) Arc<Service>);

#[tonic::async_trait]
impl ClusterService for ClusterApi {
    async fn get_status(
        &self,
        request: Request<v1::GetStatusRequest>,
    ) -> Result<Response<v1::GetStatusResponse>, Status> {
        call_of(&request)?;
        answer(get_status(&self.0))
    }
}

/// What the node knows; asks nobody.
fn get_status(service: &Service) -> Answer<v1::GetStatusResponse> {
    let status = service.node.status();
    // A node that recovers has the founding's members until it has applied its own log.
    let view = service.node.view().ok();
    let founding = service.founding.members();
    let members = view.as_ref().map_or(&founding, |view| view.world.members());
    let contact = |node_id: NodeId| {
        let founder = service.founding.founders.iter().find(|founder| founder.node_id == node_id);
        founder.map(|founder| (founder.region.clone(), founder.contact.clone()))
    };
    let member = |member: &muniment_core::members::Member| {
        let (region, contact) = contact(member.node_id).unzip();
        v1::Member {
            number: member.number.0,
            code: member.code.clone(),
            region: region.unwrap_or_default(),
            node_id: member.node_id.0,
            client_address: contact.as_ref().map_or_else(String::new, |it| it.client_address.clone()),
            peer_address: contact.as_ref().map_or_else(String::new, |it| it.peer_address.clone()),
            trust_domain: contact.as_ref().map_or_else(String::new, |it| it.trust_domain.clone()),
        }
    };
    let list = v1::MemberList {
        epoch: members.epoch,
        from_size: members.from.0,
        q: members.q,
        f: members.f,
        members: members.members.iter().map(member).collect(),
    };
    Ok(v1::GetStatusResponse {
        header: Some(service.header_at(status.size)),
        node: Some(node_status(status)),
        members: Some(list),
        origin: service.founding.origin.clone(),
        suite: service.founding.suite.to_string(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        rules: view.map_or(0, |view| u32::from(view.world.head().rules.0)),
    })
}

fn node_status(status: NodeStatus) -> v1::NodeStatus {
    let (state, state_reason) = match status.state {
        NodeState::Recovering => (v1::NodeState::Recovering, String::new()),
        NodeState::Running => (v1::NodeState::Running, String::new()),
        NodeState::Halted(reason) => (v1::NodeState::Halted, reason),
        state @ NodeState::RolledBack(_) => (v1::NodeState::Halted, state.to_string()),
        NodeState::Failed(reason) => (v1::NodeState::Failed, reason),
        NodeState::Stopped => (v1::NodeState::Stopped, String::new()),
    };
    let role = match status.role {
        Role::Leader => v1::RaftRole::Leader,
        Role::Follower => v1::RaftRole::Follower,
        Role::Candidate => v1::RaftRole::Candidate,
        Role::Learner => v1::RaftRole::Learner,
        Role::Shutdown => v1::RaftRole::Shutdown,
    };
    v1::NodeStatus {
        node_id: status.node_id.0,
        state: state.into(),
        state_reason,
        role: role.into(),
        leader_id: status.leader.map_or(0, |leader| leader.0),
        raft_term: status.raft_term.0,
        last_log_index: status.last_log_index.map(|index| index.0),
        committed_log_index: status.committed_index.map(|index| index.0),
        applied_log_index: status.applied_index.map(|index| index.0),
        tree_size: status.size.0,
        sealed_size: status.sealed_size.0,
        signed_size: status.signed_size.0,
        cosigned_size: status.cosigned_size.0,
        sync_point_size: status.sync_point_size.0,
        alarms: status.alarms,
    }
}
