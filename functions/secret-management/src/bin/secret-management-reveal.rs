//! Gives values away; the only HTTP function that can read them.

fn main() -> Result<(), millwright_runtime::StartError> {
    millwright_runtime::block_on(secret_management::secret_management_reveal())
}
