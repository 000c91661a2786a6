//! Drawing values of characters, each that satisfies the minima equally likely.

use zeroize::Zeroizing;

/// A class with its characters.
pub(super) struct Class {
    pub(super) characters: Vec<char>,
    pub(super) minimum: usize,
}

/// How many values there are for each way to share the length between the classes. Weights are
/// divided by the factorial of the length, so that they fit a float.
pub(super) struct Counts {
    /// `ways[k][n]`: of the first `k` classes, `n` characters.
    pub(super) ways: Vec<Vec<f64>>,
    /// `single[k][c]`: of class `k` alone, `c` characters.
    pub(super) single: Vec<Vec<f64>>,
    length: usize,
}

impl Counts {
    pub(super) fn of(classes: &[Class], length: usize) -> Counts {
        let mut ways = vec![vec![0.0; length + 1]];
        ways[0][0] = 1.0;
        let mut single = Vec::new();
        for class in classes {
            let mut own = vec![0.0; length + 1];
            let mut weight = 1.0;
            for (count, slot) in own.iter_mut().enumerate() {
                if count > 0 {
                    weight *= small(class.characters.len()) / small(count);
                }
                if count >= class.minimum {
                    *slot = weight;
                }
            }
            let before = &ways[ways.len() - 1];
            let sum = |total: usize| (0..=total).map(|c| own[c] * before[total - c]).sum();
            let next: Vec<f64> = (0..=length).map(sum).collect();
            ways.push(next);
            single.push(own);
        }
        Counts { ways, single, length }
    }

    pub(super) fn values_log2(&self) -> f64 {
        let arrangements: f64 = (1..=self.length).map(|n| small(n).log2()).sum();
        self.ways.last().map_or(0.0, |ways| ways[self.length].log2()) + arrangements
    }

    /// First how many of each class, in proportion to the values there are; then which, then where.
    pub(super) fn draw(
        &self,
        classes: &[Class],
        random: &mut impl FnMut() -> u8,
    ) -> Zeroizing<Vec<char>> {
        let mut left = self.length;
        let mut drawn = Zeroizing::new(Vec::with_capacity(self.length));
        for (place, class) in classes.iter().enumerate().rev() {
            let weight = |count: usize| self.single[place][count] * self.ways[place][left - count];
            let mut point = unit(random) * (0..=left).map(weight).sum::<f64>();
            let mut count = left;
            for candidate in 0..=left {
                let share = weight(candidate);
                if share > 0.0 {
                    count = candidate;
                    if point < share {
                        break;
                    }
                    point -= share;
                }
            }
            for _ in 0..count {
                drawn.push(class.characters[below(class.characters.len(), random)]);
            }
            left -= count;
        }
        for last in (1..drawn.len()).rev() {
            let other = below(last + 1, random);
            drawn.swap(last, other);
        }
        drawn
    }
}

/// At most a few hundred: exact as a float.
pub(super) fn small(number: usize) -> f64 {
    u16::try_from(number).map_or(f64::INFINITY, f64::from)
}

/// From 0 to below 1, in steps of 2^-53.
fn unit(random: &mut impl FnMut() -> u8) -> f64 {
    let bits = u64::from_be_bytes(std::array::from_fn(|_| random())) >> 11;
    #[allow(clippy::cast_precision_loss, reason = "53 bits fit")]
    let fraction = bits as f64;
    fraction / 9_007_199_254_740_992.0
}

/// A number below `bound`, each equally likely: what would favour some is drawn again. `bound` is
/// 1 to 256.
fn below(bound: usize, random: &mut impl FnMut() -> u8) -> usize {
    let fair = 256 - 256 % bound.clamp(1, 256);
    loop {
        let byte = usize::from(random());
        if byte < fair {
            return byte % bound.clamp(1, 256);
        }
    }
}
