//! What models can, and requests need.

use std::collections::BTreeSet;

millwright_core::wire_enum! {
    /// What a model can do.
    pub enum Capability {
        Chat = "chat",
        Streaming = "streaming",
        Tools = "tools",
        ParallelTools = "parallel_tools",
        Vision = "vision",
        JsonObject = "json_object",
        JsonSchema = "json_schema",
        Reasoning = "reasoning",
        PromptCache = "prompt_cache",
        Embedding = "embedding",
    }
}

/// A set of capabilities.
pub type Capabilities = BTreeSet<Capability>;
