//! Tidies up behind people and organizations that are gone.

fn main() -> Result<(), millwright_runtime::StartError> {
    millwright_runtime::block_on(auth::auth_jobs())
}
