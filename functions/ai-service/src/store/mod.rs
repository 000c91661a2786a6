//! What ai-service stores, and where: the only module that names DynamoDB.
//!
//! O = `ORG#<organization>`.
//!
//! | pattern | key condition |
//! |---|---|
//! | all that is configured | pk `O#CFG`, sk `<NOUN>#<id>`, `SETTINGS`, `TARGETS`, `STATE#<provider>` |
//! | a name, once | pk `O#SLUG`, sk `<noun>#<name>` |
//! | how many there are | pk `O#COUNT`, sk `<NOUN>` |
//! | a deleted one, once more | pk `O#GONE`, sk `<NOUN>#<id>` |
//! | what a provider spent in a month | pk `O#SPEND`, sk `<provider>#<yyyy-mm>` |
//! | a completion; those of a day | pk `O#CMP#<day>#<0-7>`, sk `<completion>` |
//! | those of a person, on gsi1 | pk `O#USER#<user>#<day>`, sk `<completion>` |
//! | those of all that are open, on gsi3 | pk `OPEN#<0-3>`, sk `<closes at>#<completion>` |
//! | somebody wants it to end | pk `O#CANCEL#<completion>`, sk `MARK` |
//! | what a window of a rate limit gave | pk `O#RL#<scope>#<subject>`, sk `M#<minute>`, `D#<day>` |
//! | a window somebody was refused | pk `O#RL#<scope>#<subject>`, sk `FULL#M#<minute>`, `FULL#D#<day>` |
//! | who of a subject is under way | pk `O#RL#<scope>#<subject>`, sk `LEASES` |
//! | an answer that is kept | pk `O#CACHE#<digest>`, sk `ANSWER` |
//! | what answers were made with | pk `O#CACHED`, sk `<model>#<digest>` |
//! | purges; those that are not done, on gsi3 | pk `O#CFG`, sk `PURGED#<model>#<user>`; pk `PURGES`, sk `<at>#<organization>` |
//! | a prompt with its labels; a version | pk `O#PRM#<prompt>`, sk `META`, `V#<number>` |
//! | prompts by slug, on gsi1 | pk `O#PRMS`, sk `<slug>` |
//! | versions of a prompt, on gsi1 | pk `O#PRMV#<prompt>`, sk `<number>` |
//! | how a provider fared | pk `O#HEALTH#<provider>`, sk `M#<minute>#<model>` |
//!
//! What changes with every completion is never part of the configuration: it is one Query, and kept
//! for 30 seconds by those who complete.

mod cache;
mod completion;
mod configuration;
mod entry;
mod prompt;
mod run_time;

pub use self::{
    cache::{CachedItem, CachedMark, OpenPurges, PurgeItem},
    completion::{
        CancelMark, CompletionItem, OPEN_SHARDS, OpenCompletions, SHARDS, completions_of_day,
        completions_of_user, day_of, moment_of_id,
    },
    configuration::{Configurations, SeedGone, SettingsItem, Targets, read_configuration, target},
    entry::{Configured, Entry, Gone, NameMarker, is_gone, more, one_less, take_name},
    prompt::{
        PromptItem, PromptVersionItem, prompt_of_slug, prompts_of, read_prompt, read_version,
        versions_of,
    },
    run_time::{
        FullWindowItem, HealthMinuteItem, ProviderStateItem, SpendItem, health_of, last_minutes,
    },
};
