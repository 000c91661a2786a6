//! Which problems the tests of a service have seen.

use std::{fs, path::Path};

use millwright_core::Code;
use millwright_http::status;

/// Of the problem codes of a service those that no test in the folder, `tests/api` of its crate,
/// expects: by `expect_problem(<status>, "<code>")`, with the status that its kind has. Tests that
/// pass have seen what they expect.
pub fn unseen_problems(codes: &[Code], folder: &str) -> Vec<&'static str> {
    let sources = sources(Path::new(folder));
    let expected = |code: &&Code| {
        let status = status(code.kind).as_u16();
        !sources.contains(&format!("expect_problem({status},\"{}\")", code.name))
    };
    codes.iter().filter(expected).map(|code| code.name).collect()
}

/// All of them, without white space.
fn sources(folder: &Path) -> String {
    let mut all = String::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let text = fs::read_to_string(path).unwrap_or_default();
        all.extend(text.chars().filter(|character| !character.is_whitespace()));
    }
    // As rustfmt breaks lines.
    all.replace(",)", ")")
}
