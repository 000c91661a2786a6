//! Secrets from and to files.

use millwright_core::wire_enum;

wire_enum! {
    /// How a file is written.
    pub enum ImportFormat {
        Dotenv = "dotenv",
        Json = "json",
    }
}
