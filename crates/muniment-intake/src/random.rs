//! Random numbers that are the same on every machine for one seed.

/// SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014). Not for secrets.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`, which is not 0; evenly but for less than one part in 2^32 of small bounds.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        let product = u128::from(self.next()) * u128::from(bound);
        u64::try_from(product >> 64).expect("the high half of a 128-bit product has 64 bits")
    }

    /// An index of a list of this length, which is not 0.
    pub(crate) fn index(&mut self, length: usize) -> usize {
        let bound = u64::try_from(length).expect("a list's length has at most 64 bits");
        usize::try_from(self.below(bound)).expect("below a length of this machine")
    }

    /// An index by its weight, given the running sums of the weights.
    pub(crate) fn weighted(&mut self, running_sums: &[u64]) -> usize {
        let total = running_sums.last().copied().unwrap_or(1);
        let drawn = self.below(total.max(1));
        running_sums.partition_point(|sum| *sum <= drawn)
    }

    /// Brings a list into random order (Fisher-Yates).
    pub(crate) fn shuffle<T>(&mut self, list: &mut [T]) {
        for last in (1..list.len()).rev() {
            list.swap(last, self.index(last + 1));
        }
    }
}

/// Running sums of weights, for [`Random::weighted`].
pub(crate) fn running_sums(weights: impl IntoIterator<Item = u64>) -> Vec<u64> {
    let sum = |sum: &mut u64, weight| {
        *sum += weight;
        Some(*sum)
    };
    weights.into_iter().scan(0, sum).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_those_of_the_published_generator() {
        // First outputs for seed 1234567, as Java's SplittableRandom and the reference code in C give them.
        let mut random = Random::new(1_234_567);
        let drawn: Vec<_> = (0..3).map(|_| random.next()).collect();
        assert_eq!(drawn, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }

    #[test]
    fn weights_decide_how_often_an_index_is_drawn() {
        let sums = running_sums([1, 0, 3]);
        let mut random = Random::new(1);
        let mut drawn = [0_u32; 3];
        for _ in 0..4_000 {
            drawn[random.weighted(&sums)] += 1;
        }
        assert_eq!(drawn[1], 0);
        assert!((900..1_100).contains(&drawn[0]), "{drawn:?}");
    }
}
