//! What networkx says to the same graphs.

use std::process::{Command, Stdio};

use serde_json::Value;

/// Names a Python that has networkx.
const PYTHON: &str = "MILLWRIGHT_TEST_PYTHON";

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/oracle/graphs.py");

/// Lets networkx judge `graphs`, each an object as tests/oracle/graphs.py reads it; without a Python
/// that has it, says so and does nothing.
pub fn judge(graphs: &[Value]) {
    #[allow(clippy::disallowed_methods, reason = "set by the one who runs the tests")]
    let Some(python) = std::env::var_os(PYTHON) else {
        eprintln!("not judged by networkx: {PYTHON} names no Python; `cargo xtask test` sets it");
        return;
    };
    let file = tempfile::NamedTempFile::new().unwrap();
    serde_json::to_writer(&file, graphs).unwrap();
    let judged = Command::new(python)
        .arg(SCRIPT)
        .arg(file.path())
        .stdin(Stdio::null())
        .output()
        .expect("the Python starts");
    let (said, complaint) =
        (String::from_utf8_lossy(&judged.stdout), String::from_utf8_lossy(&judged.stderr));
    assert!(judged.status.success(), "{said}{complaint}");
    assert_eq!(said.trim(), format!("{} graphs", graphs.len()));
}
