//! Evidence: receipts, checkpoints, inclusion and consistency.

use std::sync::Arc;

use muniment_core::leaf::Content;
use muniment_core::tree::{ProveError, TreeAt};
use muniment_core::{LeafIndex, Reason, Stub, Tree, TreeSize};
use muniment_proto::field_error::FieldError;
use muniment_proto::header::Freshness;
use muniment_proto::proof::{ConsistencyProof, InclusionProof};
use muniment_proto::v1;
use muniment_raft::LedgerView;
use muniment_store::StorageError;
use tracing::instrument;

use crate::deadline::Deadline;
use crate::gate::Call;
use crate::leaf_reader::LeafReader;
use crate::refused::{Answer, Refused};
use crate::service::Service;

/// The receipt of a leaf, once it is cosigned.
#[instrument(name = "proof.inclusion", skip_all, fields(bureau = call.caller.bureau.0, leaf = request.leaf_index))]
pub(crate) async fn get_receipt(
    service: &Arc<Service>,
    call: &Call,
    request: v1::GetReceiptRequest,
) -> Answer<v1::GetReceiptResponse> {
    let leaf = LeafIndex(request.leaf_index);
    let view = covering(service, leaf, call.deadline).await?;
    let reader =
        LeafReader { view: &view, suite: service.suite(), caller: call.caller.bureau, decode: false };
    let stub = reader.stub(leaf)?;
    let may_read = reader.may_read_leaf(leaf, &stub)?;
    if !service.is_cosigned(TreeSize::after(leaf), call.deadline).await {
        return Err(not_cosigned(TreeSize::after(leaf)));
    }
    let mut receipt = service.node.receipt(leaf).await?;
    if !may_read {
        let record_digest = receipt.leaf.content.record_digest(service.suite());
        receipt.leaf.content = Content::Withheld { record_digest };
    }
    Ok(v1::GetReceiptResponse {
        header: Some(service.header_at(view.size.max(receipt.checkpoint.body.size))),
        receipt: receipt.encode().into(),
        checkpoint_size: receipt.checkpoint.body.size.0,
        withheld: !may_read,
    })
}

/// A leaf's path in the tree of some size.
#[instrument(name = "proof.inclusion", skip_all, fields(leaf = request.leaf_index, size = request.tree_size))]
pub(crate) async fn get_inclusion_proof(
    service: &Arc<Service>,
    call: &Call,
    request: v1::GetInclusionProofRequest,
) -> Answer<v1::GetInclusionProofResponse> {
    let v1::GetInclusionProofRequest { leaf_index, tree_size } = request;
    if tree_size != 0 && leaf_index >= tree_size {
        return Err(FieldError::invalid("leaf_index", "is not below tree_size").into());
    }
    let (view, size) = sized(service, tree_size, call.deadline).await?;
    let leaf = LeafIndex(leaf_index);
    if leaf.0 >= size.0 {
        return Err(Refused::not_found(format!("leaf {leaf} is not below the cosigned size {size}")));
    }
    let path = TreeAt { suite: service.suite(), tree: Tree::Ledger, size }.inclusion_path(&view.files, leaf);
    let path = path.map_err(prove_error)?;
    let stub: [u8; Stub::LENGTH] = view.files.stub(leaf)?;
    let leaf_hash = service.suite().leaf(Tree::Ledger, &stub);
    let proof = InclusionProof { leaf, size, leaf_hash, path };
    let header = Some(service.header_at(view.size.max(size)));
    Ok(v1::GetInclusionProofResponse { header, proof: Some(proof.into()) })
}

/// That a tree begins with a smaller one.
#[instrument(name = "proof.consistency", skip_all, fields(from = request.from_size, to = request.to_size))]
pub(crate) async fn get_consistency_proof(
    service: &Arc<Service>,
    call: &Call,
    request: v1::GetConsistencyProofRequest,
) -> Answer<v1::GetConsistencyProofResponse> {
    let v1::GetConsistencyProofRequest { from_size, to_size } = request;
    if from_size == 0 {
        return Err(FieldError::missing("from_size").into());
    }
    if to_size != 0 && from_size > to_size {
        return Err(FieldError::invalid("from_size", "is above to_size").into());
    }
    let (view, to) = sized(service, to_size, call.deadline).await?;
    let from = TreeSize(from_size);
    if from > to {
        return Err(Refused::not_found(format!(
            "the newest cosigned checkpoint has {to} leaves, not {from}"
        )));
    }
    let tree = TreeAt { suite: service.suite(), tree: Tree::Ledger, size: to };
    let path = tree.consistency_path(&view.files, from).map_err(prove_error)?;
    let header = service.header_at(view.size.max(to));
    Ok(ConsistencyProof { from, to, path }.into_response(header))
}

/// The newest cosigned checkpoint, of some size at least.
pub(crate) async fn get_checkpoint(
    service: &Arc<Service>,
    call: &Call,
    request: v1::GetCheckpointRequest,
) -> Answer<v1::GetCheckpointResponse> {
    // A node that recovers has not yet seen what it signed before.
    service.node.view()?;
    let size = TreeSize(request.min_size);
    if size.0 > 0 && !service.is_cosigned(size, call.deadline).await {
        return Err(not_cosigned(size));
    }
    let checkpoint = service.node.cosigned();
    let checkpoint = checkpoint.ok_or_else(|| Refused::not_found("no checkpoint is cosigned yet"))?;
    Ok(v1::GetCheckpointResponse {
        header: Some(service.header()),
        checkpoint: checkpoint.to_note().into(),
        size: checkpoint.body.size.0,
    })
}

/// A view that has a leaf. What is there is there for ever, so this node's own copy will do if it has come that far.
async fn covering(service: &Service, leaf: LeafIndex, deadline: Deadline) -> Answer<Arc<LedgerView>> {
    let view = service.node.view()?;
    if view.size.0 > leaf.0 {
        return Ok(view);
    }
    service.view(Freshness::Linearizable, deadline).await
}

/// A view that has come to the size asked for, and that size; 0 = the newest cosigned.
async fn sized(service: &Service, asked: u64, deadline: Deadline) -> Answer<(Arc<LedgerView>, TreeSize)> {
    let view = service.node.view()?;
    if asked == 0 {
        let checkpoint = service.node.cosigned();
        let checkpoint = checkpoint.ok_or_else(|| Refused::not_found("no checkpoint is cosigned yet"))?;
        return Ok((view, checkpoint.body.size));
    }
    let size = TreeSize(asked);
    if size <= view.size {
        return Ok((view, size));
    }
    let view = service.view(Freshness::Linearizable, deadline).await?;
    if size > view.size {
        return Err(service.beyond("tree size", asked, view.size));
    }
    Ok((view, size))
}

fn not_cosigned(size: TreeSize) -> Refused {
    let message = format!(
        "no checkpoint of {size} leaves was cosigned within 90 % of the call's deadline; what is recorded is durable all \
         the same"
    );
    Refused::new(Reason::NoQuorum, message)
}

/// A proof that this node's files do not yield.
pub(crate) fn prove_error(error: ProveError<StorageError>) -> Refused {
    match error {
        ProveError::Read(error) => error.into(),
        other => {
            tracing::error!(error = %other, "make a proof");
            Refused::internal("the proof can't be made")
        }
    }
}
