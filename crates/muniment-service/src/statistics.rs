//! `GetStatistics`: counts over all leaves.

use muniment_core::Flag;
use muniment_proto::v1;

use crate::gate::Call;
use crate::lookup::Counts;
use crate::refused::Answer;
use crate::service::Service;

/// Counts of a tree that has all that the read must see.
pub(crate) async fn get_statistics(
    service: &Service,
    call: &Call,
    request: v1::GetStatisticsRequest,
) -> Answer<v1::GetStatisticsResponse> {
    let view = service.view(request.stale_ok.into(), call.deadline).await?;
    let (size, counts) = service.lookups.counts(view.size, call.deadline).await?;
    let Counts { kinds, flags, submitters, flagged } = counts;
    let by_kind = kinds.into_iter().map(|(kind, count)| v1::KindCount { kind: i32::from(kind), count });
    let by_flag = Flag::ALL.iter().filter_map(|flag| {
        let count = flags.get(&flag.bit()).copied().filter(|count| *count > 0)?;
        Some(v1::FlagCount { flag: v1::Flag::from(*flag).into(), count })
    });
    let by_submitter =
        submitters.into_iter().map(|(submitter, count)| v1::SubmitterCount { submitter: submitter.0, count });
    Ok(v1::GetStatisticsResponse {
        header: Some(service.header_at(size)),
        by_kind: by_kind.collect(),
        by_flag: by_flag.collect(),
        by_submitter: by_submitter.collect(),
        flagged,
    })
}
