//! Serves sessions, identities, keys and the published documents.

fn main() -> Result<(), millwright_runtime::StartError> {
    millwright_runtime::block_on(auth::auth_api())
}
