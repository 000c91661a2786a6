//! What a table of contents is made for.

use super::document::Description;

/// Whether a table of contents keeps the descriptions of its operations.
pub trait Purpose {
    type Description: Send;

    fn keep(description: Description) -> Self::Description;
}

/// To answer requests. Nothing refers to the descriptions, so they are not in the binary: of
/// planning's, they were more than a tenth.
#[derive(Clone, Copy, Debug)]
pub enum Serving {}

impl Purpose for Serving {
    type Description = ();

    #[inline]
    fn keep(_description: Description) {}
}

/// To be described, in `xtask` and tests.
#[derive(Clone, Copy, Debug)]
pub enum Describing {}

impl Purpose for Describing {
    type Description = Description;

    fn keep(description: Description) -> Description {
        description
    }
}
