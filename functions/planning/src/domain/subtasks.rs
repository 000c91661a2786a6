//! The forest of subtasks: how deep, how many.

use std::collections::BTreeMap;

use millwright_core::{Error, Result, TaskId};

use crate::codes;

/// The most ancestors a task has.
pub const MAX_DEPTH: usize = 5;

/// The most direct subtasks of a task that are not deleted.
pub const MAX_SUBTASKS: u64 = 100;

/// How many direct subtasks have which height: index 0 counts those without subtasks of their own.
/// Deleted ones count too, since they can be restored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Heights(pub [i64; MAX_DEPTH]);

impl Heights {
    /// 0 without subtasks, else one more than the highest of them.
    pub fn height(&self) -> usize {
        self.0.iter().rposition(|count| *count > 0).map_or(0, |highest| highest + 1)
    }

    fn change(&mut self, height: usize, by: i64) {
        if let Some(count) = self.0.get_mut(height) {
            *count += by;
        }
    }

    /// What must be added to `before` to come here; none for what stays.
    pub fn since(&self, before: &Heights) -> Heights {
        let mut change = *self;
        for (count, before) in change.0.iter_mut().zip(before.0) {
            *count -= before;
        }
        change
    }
}

/// The part of a forest that a move of one subtree touches.
#[derive(Clone, Debug, Default)]
pub struct Forest {
    heights: BTreeMap<TaskId, Heights>,
}

impl Forest {
    pub fn know(&mut self, task: TaskId, heights: Heights) {
        self.heights.insert(task, heights);
    }

    pub fn height(&self, task: TaskId) -> usize {
        self.heights.get(&task).map_or(0, Heights::height)
    }

    pub fn heights(&self) -> &BTreeMap<TaskId, Heights> {
        &self.heights
    }

    /// A subtree of `height` appears below the first of `chain`.
    ///
    /// # Errors
    /// `depth_exceeded`.
    pub fn attach(&mut self, chain: &[TaskId], height: usize) -> Result<()> {
        let deepest = chain.len() + height;
        if deepest > MAX_DEPTH {
            let detail = format!("a task has at most {MAX_DEPTH} ancestors");
            return Err(Error::new(codes::DEPTH_EXCEEDED, detail)
                .with("max", MAX_DEPTH)
                .with("depth", deepest));
        }
        self.replace(chain, None, Some(height));
        Ok(())
    }

    /// A subtree of `height` disappears from below the first of `chain`.
    pub fn detach(&mut self, chain: &[TaskId], height: usize) {
        self.replace(chain, Some(height), None);
    }

    /// Carries a change of one subtree's height upwards as far as it matters.
    fn replace(&mut self, chain: &[TaskId], from: Option<usize>, to: Option<usize>) {
        let Some((nearest, above)) = chain.split_first() else { return };
        let heights = self.heights.entry(*nearest).or_default();
        let before = heights.height();
        if let Some(height) = from {
            heights.change(height, -1);
        }
        if let Some(height) = to {
            heights.change(height, 1);
        }
        let after = heights.height();
        if before != after {
            self.replace(above, Some(before), Some(after));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    /// The same forest, written down as parents only.
    #[derive(Default)]
    struct Plain(HashMap<usize, usize>);

    impl Plain {
        fn ancestors(&self, mut of: usize) -> Vec<usize> {
            let mut above = Vec::new();
            while let Some(parent) = self.0.get(&of) {
                above.push(*parent);
                of = *parent;
            }
            above
        }

        fn height(&self, of: usize) -> usize {
            let children = self.0.iter().filter(|(_, parent)| **parent == of);
            children.map(|(child, _)| self.height(*child) + 1).max().unwrap_or(0)
        }
    }

    fn id(number: usize) -> TaskId {
        TaskId::from_uuid(uuid::Uuid::from_u128(number as u128))
    }

    proptest! {
        #[test]
        fn heights_equal_a_recount(moves in prop::collection::vec((0usize..12, 0usize..13), 1..80)) {
            let mut plain = Plain::default();
            let mut forest = Forest::default();
            for (task, to) in moves {
                let to = (to < 12).then_some(to);
                let above = to.map(|to| {
                    let mut above = vec![to];
                    above.extend(plain.ancestors(to));
                    above
                }).unwrap_or_default();
                if above.contains(&task) {
                    continue;
                }
                let chain = |of: &[usize]| of.iter().map(|n| id(*n)).collect::<Vec<_>>();
                let height = plain.height(task);
                let mut next = forest.clone();
                next.detach(&chain(&plain.ancestors(task)), forest.height(id(task)));
                let attached = next.attach(&chain(&above), forest.height(id(task)));
                prop_assert_eq!(attached.is_ok(), above.len() + height <= MAX_DEPTH);
                if attached.is_err() {
                    continue;
                }
                forest = next;
                match to {
                    Some(to) => plain.0.insert(task, to),
                    None => plain.0.remove(&task),
                };
                for task in 0..12 {
                    prop_assert_eq!(forest.height(id(task)), plain.height(task));
                }
            }
        }
    }
}
