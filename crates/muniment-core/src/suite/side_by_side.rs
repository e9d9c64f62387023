//! blake3 over many short inputs side by side.
//!
//! An input of up to a chunk is a chain of compressions, each waiting for the one before; the blake3 crate fills the
//! lanes of the processor only with the chunks of *one* long input. Records, lists of term keys and tree nodes are short,
//! but there are hundreds of them in a batch: their chains go through the lanes together.
//!
//! `blake3::platform` is public but undocumented, and nothing documented hashes several inputs at once. It is named here
//! alone: a change of its signatures does not compile, a change of its meaning fails the tests below, which hold every
//! length against `blake3::hash`.

use blake3::platform::Platform;
use blake3::{BLOCK_LEN, CHUNK_LEN, IncrementCounter, OUT_LEN};

use super::inputs::HashInputs;
use crate::Hash;

/// Inputs that go through the lanes at one time: the widest processor's.
const LANES: usize = 16;

/// Initial chaining value (BLAKE3, table 1).
const IV: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

// Flags of a compression (BLAKE3, table 3).
const CHUNK_START: u8 = 1 << 0;
const CHUNK_END: u8 = 1 << 1;
const ROOT: u8 = 1 << 3;
const KEYED_HASH: u8 = 1 << 4;

/// A chaining value, key or hash in bytes.
type Bytes = [u8; OUT_LEN];

/// `blake3::hash` of each input.
pub(super) fn hash_each(inputs: &HashInputs) -> Vec<Hash> {
    let mut hashes = vec![Hash([0; OUT_LEN]); inputs.len()];
    // By the blocks before the last one. What has none, or more than a chunk, gains nothing here.
    let mut chains: [Vec<(usize, &[u8])>; CHUNK_LEN / BLOCK_LEN] = Default::default();
    for (position, input) in inputs.iter().enumerate() {
        match input.len().saturating_sub(1) / BLOCK_LEN {
            blocks @ 1..16 => chains[blocks].push((position, input)),
            _ => hashes[position] = Hash(blake3::hash(input).into()),
        }
    }
    let platform = Platform::detect();
    macro_rules! each_length {
        ($($blocks:literal)+) => {
            $(hash_chains::<{ $blocks * BLOCK_LEN }>(platform, &chains[$blocks], &mut hashes);)+
        };
    }
    each_length!(1 2 3 4 5 6 7 8 9 10 11 12 13 14 15);
    hashes
}

/// `blake3::keyed_hash` of each input.
pub(super) fn keyed_hash_blocks(key: &Bytes, inputs: &[[u8; BLOCK_LEN]]) -> Vec<Hash> {
    let key = words(key);
    let mut hashes = Vec::with_capacity(inputs.len());
    for inputs in inputs.chunks(LANES) {
        let end = CHUNK_END | ROOT;
        let found = through_lanes(Platform::detect(), inputs.iter(), &key, KEYED_HASH, end);
        hashes.extend(found.into_iter().take(inputs.len()).map(Hash));
    }
    hashes
}

/// Hashes inputs of `HEAD` bytes and one more block, which may be short.
fn hash_chains<const HEAD: usize>(platform: Platform, inputs: &[(usize, &[u8])], hashes: &mut [Hash]) {
    for inputs in inputs.chunks(LANES) {
        let head = |(_, input): &(usize, &'_ [u8])| input.first_chunk::<HEAD>().copied();
        let heads: Vec<[u8; HEAD]> = inputs.iter().filter_map(head).collect();
        let chaining = through_lanes(platform, heads.iter(), &IV, 0, 0);
        for ((position, input), chaining) in inputs.iter().zip(chaining) {
            let last = &input[HEAD..];
            let mut block = [0; BLOCK_LEN];
            block[..last.len()].copy_from_slice(last);
            let length = u8::try_from(last.len()).expect("the last block has 1 to 64 bytes");
            let mut state = words(&chaining);
            platform.compress_in_place(&mut state, &block, length, 0, CHUNK_END | ROOT);
            hashes[*position] = Hash(bytes(&state));
        }
    }
}

/// Compresses up to [`LANES`] inputs from their first block on; what lies behind their number is of no meaning.
fn through_lanes<'a, const LENGTH: usize>(
    platform: Platform,
    inputs: impl Iterator<Item = &'a [u8; LENGTH]>,
    key: &[u32; 8],
    flags: u8,
    flags_end: u8,
) -> [Bytes; LANES] {
    let inputs: Vec<&[u8; LENGTH]> = inputs.collect();
    let mut out = [[0; OUT_LEN]; LANES];
    platform.hash_many(
        &inputs,
        key,
        0,
        IncrementCounter::No,
        flags,
        CHUNK_START,
        flags_end,
        out.as_flattened_mut(),
    );
    out
}

#[expect(clippy::little_endian_bytes, reason = "blake3 is defined so")]
fn words(bytes: &Bytes) -> [u32; 8] {
    let (words, _) = bytes.as_chunks();
    std::array::from_fn(|at| u32::from_le_bytes(words[at]))
}

fn bytes(words: &[u32; 8]) -> Bytes {
    let mut bytes = [0; OUT_LEN];
    let (parts, _) = bytes.as_chunks_mut();
    for (part, word) in parts.iter_mut().zip(words) {
        *part = word.to_le_bytes();
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes that differ by input and place.
    fn input(number: usize, length: usize) -> Vec<u8> {
        (0..length).map(|at| u8::try_from((at * 7 + number * 31) % 251).expect("below 251")).collect()
    }

    #[test]
    fn inputs_of_every_length_have_the_hash_that_they_have_alone() {
        // More inputs of a length than there are lanes, fewer, and one; up to a chunk and beyond.
        for count in [1, 2, 5, 16, 17, 40] {
            let lengths = (0..=CHUNK_LEN + 70).chain([2 * CHUNK_LEN, 5_000]);
            let all: Vec<Vec<u8>> =
                lengths.flat_map(|length| (0..count).map(move |n| input(n, length))).collect();
            let mut inputs = HashInputs::new();
            all.iter().for_each(|input| inputs.push(input.chunks(33)));
            let alone: Vec<Hash> = all.iter().map(|input| Hash(blake3::hash(input).into())).collect();
            assert_eq!(hash_each(&inputs), alone, "{count} of each length");
        }
    }

    #[test]
    fn blocks_have_the_keyed_hash_that_they_have_alone() {
        let key = [7; 32];
        for count in 0..70 {
            let blocks: Vec<[u8; BLOCK_LEN]> =
                (0..count).map(|number| input(number, BLOCK_LEN).try_into().expect("a block")).collect();
            let alone: Vec<Hash> =
                blocks.iter().map(|block| Hash(blake3::keyed_hash(&key, block).into())).collect();
            assert_eq!(keyed_hash_blocks(&key, &blocks), alone, "{count} blocks");
        }
    }
}
