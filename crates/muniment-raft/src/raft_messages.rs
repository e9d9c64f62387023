//! Bytes of Raft's own messages between nodes (append, vote, pre-vote, transfer of leadership).

use bytes::Bytes;
use muniment_core::reader::Reader;
use openraft::AsyncRuntime;
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, StreamAppendError, StreamAppendResult,
    TransferLeaderRequest, VoteRequest, VoteResponse,
};

use crate::codec::{
    CodecError, decode_entry, encode_entry, put_block, put_count, put_optional_log_id, put_vote, read_bool,
    read_count, read_optional_log_id, read_vote,
};
use crate::type_config::{RaftLogId, RaftVote, TypeConfig};

/// Most entries of one append request.
const ENTRIES_MAX: u32 = 65_536;

pub(crate) fn put_append<Rt: AsyncRuntime>(
    bytes: &mut Vec<u8>,
    request: &AppendEntriesRequest<TypeConfig<Rt>>,
) {
    put_vote(bytes, &request.vote);
    put_optional_log_id(bytes, request.prev_log_id.as_ref());
    put_optional_log_id(bytes, request.leader_commit.as_ref());
    put_count(bytes, request.entries.len());
    for entry in &request.entries {
        put_block(bytes, &encode_entry(entry));
    }
}

/// Reads an append request; batches stay slices of `message`.
pub(crate) fn read_append<Rt: AsyncRuntime>(
    reader: &mut Reader<'_>,
    message: &Bytes,
) -> Result<AppendEntriesRequest<TypeConfig<Rt>>, CodecError> {
    let vote = read_vote(reader)?;
    let prev_log_id = read_optional_log_id(reader)?;
    let leader_commit = read_optional_log_id(reader)?;
    let count = read_count(reader, "entries", ENTRIES_MAX)?;
    let mut entries = Vec::new();
    for _ in 0..count {
        let block = reader.block()?;
        let end = reader.at();
        entries.push(decode_entry(&message.slice(end - block.len()..end))?);
    }
    Ok(AppendEntriesRequest { vote, prev_log_id, entries, leader_commit })
}

pub(crate) fn encode_append_response<Rt: AsyncRuntime>(
    response: &AppendEntriesResponse<TypeConfig<Rt>>,
) -> Bytes {
    let mut bytes = Vec::new();
    match response {
        AppendEntriesResponse::Success => bytes.push(0),
        AppendEntriesResponse::PartialSuccess(upto) => {
            bytes.push(1);
            put_optional_log_id(&mut bytes, upto.as_ref());
        }
        AppendEntriesResponse::Conflict => bytes.push(2),
        AppendEntriesResponse::HigherVote(vote) => {
            bytes.push(3);
            put_vote(&mut bytes, vote);
        }
    }
    bytes.into()
}

pub(crate) fn decode_append_response<Rt: AsyncRuntime>(
    bytes: &[u8],
) -> Result<AppendEntriesResponse<TypeConfig<Rt>>, CodecError> {
    let mut reader = Reader::new(bytes);
    let response = match reader.u8()? {
        0 => AppendEntriesResponse::Success,
        1 => AppendEntriesResponse::PartialSuccess(read_optional_log_id(&mut reader)?),
        2 => AppendEntriesResponse::Conflict,
        3 => AppendEntriesResponse::HigherVote(read_vote(&mut reader)?),
        found => return Err(CodecError::Unknown { what: "append answer", found }),
    };
    reader.end()?;
    Ok(response)
}

pub(crate) fn encode_stream_result<Rt: AsyncRuntime>(result: &StreamAppendResult<TypeConfig<Rt>>) -> Bytes {
    let mut bytes = Vec::new();
    match result {
        Ok(upto) => {
            bytes.push(1);
            put_optional_log_id(&mut bytes, upto.as_ref());
        }
        Err(StreamAppendError::Conflict(log_id)) => {
            bytes.push(2);
            put_optional_log_id(&mut bytes, Some(log_id));
        }
        Err(StreamAppendError::HigherVote(vote)) => {
            bytes.push(3);
            put_vote(&mut bytes, vote);
        }
    }
    bytes.into()
}

pub(crate) fn decode_stream_result<Rt: AsyncRuntime>(
    bytes: &[u8],
) -> Result<StreamAppendResult<TypeConfig<Rt>>, CodecError> {
    let mut reader = Reader::new(bytes);
    let result = match reader.u8()? {
        1 => Ok(read_optional_log_id(&mut reader)?),
        2 => {
            let log_id = read_optional_log_id(&mut reader)?;
            let absent = CodecError::Unknown { what: "presence byte of a conflict", found: 0 };
            Err(StreamAppendError::Conflict(log_id.ok_or(absent)?))
        }
        3 => Err(StreamAppendError::HigherVote(read_vote(&mut reader)?)),
        found => return Err(CodecError::Unknown { what: "append answer", found }),
    };
    reader.end()?;
    Ok(result)
}

pub(crate) fn put_vote_request<Rt: AsyncRuntime>(bytes: &mut Vec<u8>, request: &VoteRequest<TypeConfig<Rt>>) {
    put_vote(bytes, &request.vote);
    put_optional_log_id(bytes, request.last_log_id.as_ref());
    bytes.push(u8::from(request.leadership_transfer));
}

pub(crate) fn read_vote_request<Rt: AsyncRuntime>(
    reader: &mut Reader<'_>,
) -> Result<VoteRequest<TypeConfig<Rt>>, CodecError> {
    Ok(VoteRequest {
        vote: read_vote(reader)?,
        last_log_id: read_optional_log_id(reader)?,
        leadership_transfer: read_bool(reader, "transfer mark")?,
    })
}

pub(crate) fn encode_vote_response<Rt: AsyncRuntime>(response: &VoteResponse<TypeConfig<Rt>>) -> Bytes {
    let mut bytes = Vec::new();
    put_vote(&mut bytes, &response.vote);
    bytes.push(u8::from(response.vote_granted));
    put_optional_log_id(&mut bytes, response.last_log_id.as_ref());
    bytes.into()
}

pub(crate) fn decode_vote_response<Rt: AsyncRuntime>(
    bytes: &[u8],
) -> Result<VoteResponse<TypeConfig<Rt>>, CodecError> {
    let mut reader = Reader::new(bytes);
    let vote = read_vote(&mut reader)?;
    let vote_granted = read_bool(&mut reader, "vote answer")?;
    let last_log_id = read_optional_log_id(&mut reader)?;
    reader.end()?;
    Ok(VoteResponse { vote, vote_granted, last_log_id })
}

/// The leader's vote and the log id of its snapshot; the files are fetched apart from it.
pub(crate) fn put_snapshot_request(bytes: &mut Vec<u8>, vote: &RaftVote, log_id: Option<&RaftLogId>) {
    put_vote(bytes, vote);
    put_optional_log_id(bytes, log_id);
}

pub(crate) fn read_snapshot_request(
    reader: &mut Reader<'_>,
) -> Result<(RaftVote, Option<RaftLogId>), CodecError> {
    Ok((read_vote(reader)?, read_optional_log_id(reader)?))
}

pub(crate) fn put_transfer<Rt: AsyncRuntime>(
    bytes: &mut Vec<u8>,
    request: &TransferLeaderRequest<TypeConfig<Rt>>,
) {
    put_vote(bytes, request.from_leader());
    bytes.extend_from_slice(&request.to_node_id().to_be_bytes());
    put_optional_log_id(bytes, request.last_log_id());
}

pub(crate) fn read_transfer<Rt: AsyncRuntime>(
    reader: &mut Reader<'_>,
) -> Result<TransferLeaderRequest<TypeConfig<Rt>>, CodecError> {
    let vote = read_vote(reader)?;
    let to = reader.u64()?;
    Ok(TransferLeaderRequest::new(vote, to, read_optional_log_id(reader)?))
}
