//! The permissions of ai-service. Each comment completes "allows to …"; the roles in brackets hold it.

millwright_identity::permissions! {
    /// Read providers, what they have spent and how they fare
    ProviderRead = "ai.provider.read" [Owner Admin];
    /// Create, change, enable, disable and delete providers
    ProviderManage = "ai.provider.manage" [Owner Admin];
    /// Read models, the catalogue and the addresses of the gateway
    ModelRead = "ai.model.read" [Owner Admin Member Viewer];
    /// Create, change and delete models
    ModelManage = "ai.model.manage" [Owner Admin];
    /// Ask models, and cancel and rate one's own completions
    CompletionCreate = "ai.completion.create" [Owner Admin Member];
    /// Read one's own completions
    CompletionRead = "ai.completion.read" [Owner Admin Member Viewer];
    /// Read everybody's completions
    CompletionReadAll = "ai.completion.read_all" [Owner Admin];
    /// Take back kept answers
    CachePurge = "ai.cache.purge" [Owner Admin];
    /// Read routing rules and fallback chains, and explain routes
    RouteRead = "ai.route.read" [Owner Admin Member Viewer];
    /// Create, change and delete routing rules and fallback chains
    RouteManage = "ai.route.manage" [Owner Admin];
    /// Read and render prompts
    PromptRead = "ai.prompt.read" [Owner Admin Member Viewer];
    /// Create, change and archive prompts, and make versions of them
    PromptWrite = "ai.prompt.write" [Owner Admin Member];
    /// Say which version of a prompt requests use
    PromptPublish = "ai.prompt.publish" [Owner Admin];
    /// Read rate limits and their use
    LimitRead = "ai.limit.read" [Owner Admin];
    /// Create, change and delete rate limits
    LimitManage = "ai.limit.manage" [Owner Admin];
    /// Read the settings of the gateway
    SettingsRead = "ai.settings.read" [Owner Admin];
    /// Change the settings of the gateway, and stop it
    SettingsManage = "ai.settings.manage" [Owner Admin];
}
