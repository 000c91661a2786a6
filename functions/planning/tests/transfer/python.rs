//! Python as the independent reader.

use std::{
    io::Write,
    process::{Command, Stdio},
};

use serde_json::Value;

/// What `script` prints as JSON when it is given `input`; none, with the reason printed, if there is
/// no Python.
pub fn python(script: &str, input: &[u8]) -> Option<Value> {
    let started = Command::new("python3")
        .args(["-c", script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let mut python = match started {
        Ok(python) => python,
        Err(error) => {
            eprintln!("skipped: python3 does not start: {error}");
            return None;
        }
    };
    let mut stdin = python.stdin.take().expect("a pipe");
    let input = input.to_owned();
    let writer = std::thread::spawn(move || stdin.write_all(&input));
    let output = python.wait_with_output().expect("an end");
    writer.join().expect("the writer").expect("the whole input was taken");
    assert!(output.status.success(), "the script fails");
    Some(serde_json::from_slice(&output.stdout).expect("JSON"))
}
