//! Orders what has fallen due, and settles what has expired.

fn main() -> Result<(), millwright_runtime::StartError> {
    millwright_runtime::block_on(user_management::user_management_sweep())
}
