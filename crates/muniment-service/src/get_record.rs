//! `GetRecord`: one record by leaf, by digest or by its submission.

use std::sync::Arc;

use muniment_core::tree::TreeAt;
use muniment_core::{LeafIndex, Tree};
use muniment_proto::proof::InclusionProof;
use muniment_proto::record_filter::RecordName;
use muniment_proto::v1;
use muniment_raft::LedgerView;
use tracing::instrument;

use crate::gate::Call;
use crate::leaf_reader::LeafReader;
use crate::lookup::Query;
use crate::proofs::prove_error;
use crate::refused::{Answer, Refused};
use crate::service::Service;

/// Reads a record.
#[instrument(name = "record.get", skip_all, fields(bureau = call.caller.bureau.0, leaf))]
pub(crate) async fn get_record(
    service: &Arc<Service>,
    call: &Call,
    request: v1::GetRecordRequest,
) -> Answer<v1::GetRecordResponse> {
    let name = RecordName::try_from(request.name)?;
    let view = service.view(request.stale_ok.into(), call.deadline).await?;
    let leaf = find(service, call, &view, name).await?;
    tracing::Span::current().record("leaf", leaf.0);
    let reader = LeafReader {
        view: &view,
        suite: service.suite(),
        caller: call.caller.bureau,
        decode: request.decode,
    };
    let stub = reader.stub(leaf)?;
    let record = reader.stored(leaf, &stub)?;
    let proof = if request.prove { proof(service, &view, leaf)? } else { None };
    let header = Some(service.header_at(view.size));
    Ok(v1::GetRecordResponse { header, record: Some(record), proof: proof.map(Into::into) })
}

async fn find(service: &Service, call: &Call, view: &Arc<LedgerView>, name: RecordName) -> Answer<LeafIndex> {
    let (query, what) = match name {
        RecordName::Leaf(leaf) => return Ok(leaf),
        RecordName::Digest(digest) => (Query::Digest(digest), "record with that digest"),
        RecordName::Submission { submitter, request_id, position } => {
            (Query::Submission { submitter, request_id, position }, "such record of that submission")
        }
    };
    let found = service.lookups.find(query, view, call.deadline).await?;
    found.ok_or_else(|| Refused::not_found(format!("there is no {what} in a ledger of {}", view.size)))
}

/// The leaf's path under the newest cosigned checkpoint; none while no such checkpoint covers it.
fn proof(service: &Service, view: &LedgerView, leaf: LeafIndex) -> Answer<Option<InclusionProof>> {
    let Some(checkpoint) = service.node.cosigned().filter(|checkpoint| checkpoint.body.size.0 > leaf.0)
    else {
        return Ok(None);
    };
    let (suite, size) = (service.suite(), checkpoint.body.size);
    let path = TreeAt { suite, tree: Tree::Ledger, size }.inclusion_path(&view.files, leaf);
    let path = path.map_err(prove_error)?;
    let leaf_hash = view.files.node(0, leaf.0)?;
    Ok(Some(InclusionProof { leaf, size, leaf_hash, path }))
}
