//! The places that name every service: edited as text, so that all else stays as it was written.

use std::{fs, path::Path};

use anyhow::{Context, Result};

use super::{File, files, names::Names};

pub(super) const TEMPLATE: &str = "infra/template.yaml";
const MANIFEST: &str = "functions/all/Cargo.toml";
const SERVICES: &str = "functions/all/src/lib.rs";
const GUARDS: &str = "functions/all/tests/guards/main.rs";

/// The edited files.
///
/// # Errors
/// If a place is not where it is expected: then nothing can be done but by hand.
pub(super) fn edited(workspace: &Path, names: &Names) -> Result<Vec<File>> {
    let Names { name, library, .. } = names;
    let edit = |path: &str, edit: &dyn Fn(&str) -> Option<String>| {
        let text = edit(&read(workspace, path)?)
            .with_context(|| format!("{path} does not look as it used to: where is the list?"))?;
        let text = if path.ends_with(".rs") {
            crate::rustfmt::formatted(workspace, path, &text)?
        } else {
            text
        };
        Ok(File { path: path.to_owned(), text })
    };
    let nested_stack = files::nested_stack(names)?;
    [
        edit(MANIFEST, &|text| with_dependency(text, name)),
        edit(SERVICES, &|text| {
            // The gateway stays first.
            with_element(text, "fn services()", 1, &format!("{library}::service()"))
        }),
        edit(GUARDS, &|text| {
            let text = text.replacen("\nmod ", &format!("\nmod {library}_fixture;\nmod "), 1);
            with_element(&text, "fn fixtures()", 0, &format!("{library}_fixture::guarded()"))
        }),
        edit(TEMPLATE, &|text| with_stack(text, &names.state, &nested_stack)),
    ]
    .into_iter()
    .collect()
}

pub(super) fn read(workspace: &Path, path: &str) -> Result<String> {
    fs::read_to_string(workspace.join(path)).with_context(|| format!("{path} cannot be read"))
}

/// A line among the dependencies, in their order.
fn with_dependency(text: &str, name: &str) -> Option<String> {
    let line = format!("millwright-{name} = {{ path = \"../{name}\" }}");
    let mut lines: Vec<&str> = text.lines().collect();
    let first = 1 + lines.iter().position(|line| *line == "[dependencies]")?;
    let count = lines[first..].iter().take_while(|line| !line.is_empty()).count();
    let before = lines[first..first + count].iter().position(|present| *present > line.as_str());
    lines.insert(first + before.unwrap_or(count), &line);
    Some(lines.join("\n") + "\n")
}

/// An element of the first `vec![…]` after `start`, in alphabetical order after those that stay
/// first.
fn with_element(text: &str, start: &str, first: usize, element: &str) -> Option<String> {
    const OPENING: &str = "vec![";
    let start = text.find(start)?;
    let opening = start + text[start..].find(OPENING)? + OPENING.len();
    let closing = opening + text[opening..].find(']')?;
    let mut elements: Vec<&str> = text[opening..closing].split(',').map(str::trim).collect();
    elements.retain(|present| !present.is_empty());
    let rest = elements.get(first..)?;
    let before = rest.iter().position(|present| *present > element);
    elements.insert(first + before.unwrap_or(rest.len()), element);
    Some(format!("{}{}{}", &text[..opening], elements.join(", "), &text[closing..]))
}

/// The nested stack before that of the relay, and its stream as the last parameter of the relay.
fn with_stack(text: &str, id: &str, stack: &str) -> Option<String> {
    const RELAY: &str = "\n  Relay:\n";
    let relay = text.find(RELAY)? + 1;
    let end = relay + text[relay..].find("\n\n")? + 1;
    let (before, relay, after) = (&text[..relay], &text[relay..end], &text[end..]);
    // Its parameters come last, at this depth.
    let is_parameter = |line: &str| line.starts_with("        ") && line.contains("StreamArn: ");
    if !relay.lines().last().is_some_and(is_parameter) {
        return None;
    }
    let stream = format!("        {id}StreamArn: !GetAtt {id}.Outputs.StreamArn\n");
    Some(format!("{before}{stack}{relay}{stream}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dependency_takes_its_place() {
        let text = "[dependencies]\na = 1\nmillwright-b = 2\nz = 3\n\n[lints]\nx = 1\n";
        let with = with_dependency(text, "notes").expect("a list");
        let expected = text.replace("z = 3", "millwright-notes = { path = \"../notes\" }\nz = 3");
        assert_eq!(with, expected);
        let last = with_dependency("[dependencies]\na = 1\n", "notes").expect("a list");
        assert_eq!(last, "[dependencies]\na = 1\nmillwright-notes = { path = \"../notes\" }\n");
        assert_eq!(with_dependency("[package]\n", "notes"), None);
    }

    #[test]
    fn an_element_takes_its_place_after_the_first() {
        let text = "fn other() { vec![x] }\nfn services() { vec![gateway, alpha,\n  zeta] }";
        let with = with_element(text, "fn services()", 1, "notes").expect("a list");
        assert_eq!(
            with,
            "fn other() { vec![x] }\nfn services() { vec![gateway, alpha, notes, zeta] }"
        );
        assert_eq!(with_element(text, "fn nothing()", 0, "notes"), None);
        let empty = with_element("fn fixtures() { vec![] }", "fn fixtures()", 0, "a");
        assert_eq!(empty.expect("a list"), "fn fixtures() { vec![a] }");
    }

    #[test]
    fn a_stack_stands_before_the_relay_and_feeds_it() {
        let text = "Resources:\n  Relay:\n    Properties:\n      Parameters:\n        \
                    PlanningStreamArn: x\n\nOutputs:\n";
        let with = with_stack(text, "Notes", "  Notes:\n    Type: y\n\n").expect("a relay");
        assert_eq!(
            with,
            "Resources:\n  Notes:\n    Type: y\n\n  Relay:\n    Properties:\n      \
             Parameters:\n        PlanningStreamArn: x\n        NotesStreamArn: !GetAtt \
             Notes.Outputs.StreamArn\n\nOutputs:\n"
        );
        assert_eq!(with_stack("Resources:\n", "Notes", ""), None);
    }
}
