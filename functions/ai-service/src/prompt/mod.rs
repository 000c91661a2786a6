//! Prompt templates: messages that requests refer to by name, so that they change without a release.

mod change;
mod label;
mod read;
mod reference;
mod render;
mod version;

pub mod operations {
    //! Where the table of contents finds them.
    pub use super::{change::*, label::*, read::*, render::*, version::*};
}

use millwright_core::{Error, Result, codes::INVALID_STATE};
use millwright_event::Effects;
use millwright_http::Representation;
use millwright_store::Condition;

pub use self::reference::{PromptUse, PromptWish, Prompts};
use crate::{
    domain::{Prompt, PromptVersion},
    store::PromptItem,
};

impl Representation for Prompt {
    fn version(&self) -> u64 {
        self.common.version
    }

    fn location(&self) -> String {
        format!("/api/v1/ai/prompts/{}", self.id)
    }
}

impl Representation for PromptVersion {
    /// It never changes.
    fn version(&self) -> u64 {
        1
    }

    fn location(&self) -> String {
        let number = self.summary.version;
        format!("/api/v1/ai/prompts/{}/versions/{number}", self.summary.prompt_id)
    }
}

/// Refuses what would change an archived prompt.
fn check_not_archived(prompt: &Prompt) -> Result<()> {
    if prompt.archived {
        let detail = "the prompt is archived: set archived to false first";
        return Err(Error::new(INVALID_STATE, detail));
    }
    Ok(())
}

/// Writes the next version of a prompt: one item.
fn replace(effects: &mut Effects, before: &Prompt, after: &Prompt) {
    let unchanged = Condition::version(before.common.version);
    let step = effects.put_when(&PromptItem::of(after), unchanged);
    effects.refused_as(step, Error::lost_race());
}
