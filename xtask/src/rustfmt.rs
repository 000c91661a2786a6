//! Written code, as rustfmt would have it.

use std::{
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};

/// The text of a file of the workspace with its lines broken where its configuration says.
///
/// # Errors
/// `text` is no Rust, or rustfmt cannot be started.
pub fn formatted(workspace: &Path, path: &str, text: &str) -> Result<String> {
    let mut rustfmt = Command::new("rustfmt")
        .args(["--edition", "2024", "--config-path"])
        .arg(workspace)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("rustfmt cannot be started (rustup component add rustfmt)")?;
    let mut input = rustfmt.stdin.take().context("rustfmt takes no input")?;
    input.write_all(text.as_bytes()).context("rustfmt takes no input")?;
    drop(input);
    let answer = rustfmt.wait_with_output().context("rustfmt gives no answer")?;
    if !answer.status.success() {
        bail!("{path} is no Rust:\n{}", String::from_utf8_lossy(&answer.stderr));
    }
    String::from_utf8(answer.stdout).context("rustfmt answers no UTF-8")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_rust_is_refused() {
        let workspace = crate::paths::workspace();
        assert_eq!(formatted(&workspace, "a.rs", "fn  a( ){}").expect("Rust"), "fn a() {}\n");
        let told = formatted(&workspace, "a.rs", "fn a(").expect_err("no Rust").to_string();
        assert!(told.contains("a.rs is no Rust"), "{told}");
    }
}
