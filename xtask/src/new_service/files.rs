//! The files of a new service, rendered and formatted.

use std::{collections::BTreeSet, path::Path};

use anyhow::{Context, Result};
use minijinja::value::Serde;

use super::{File, names::Names};
use crate::{render, rustfmt::formatted};

const TEMPLATES: [(&str, &str); 16] = render::templates![
    "new-service/Cargo.toml.j2",
    "new-service/api.rs.j2",
    "new-service/app.rs.j2",
    "new-service/bin.rs.j2",
    "new-service/codes.rs.j2",
    "new-service/domain.rs.j2",
    "new-service/events.rs.j2",
    "new-service/functions.rs.j2",
    "new-service/guard-fixture.rs.j2",
    "new-service/lib.rs.j2",
    "new-service/noun.rs.j2",
    "new-service/permissions.rs.j2",
    "new-service/stack.yaml.j2",
    "new-service/store.rs.j2",
    "new-service/tests-main.rs.j2",
    "new-service/tests-nouns.rs.j2",
];

/// Where what a template makes belongs; the nested stack is part of another file.
const PLACES: [(&str, &str); 15] = [
    ("Cargo.toml", "functions/{{ name }}/Cargo.toml"),
    ("lib.rs", "functions/{{ name }}/src/lib.rs"),
    ("api.rs", "functions/{{ name }}/src/api.rs"),
    ("app.rs", "functions/{{ name }}/src/app.rs"),
    ("bin.rs", "functions/{{ name }}/src/bin/{{ name }}-api.rs"),
    ("codes.rs", "functions/{{ name }}/src/codes.rs"),
    ("domain.rs", "functions/{{ name }}/src/domain.rs"),
    ("events.rs", "functions/{{ name }}/src/events.rs"),
    ("functions.rs", "functions/{{ name }}/src/functions.rs"),
    ("noun.rs", "functions/{{ name }}/src/{{ noun }}.rs"),
    ("permissions.rs", "functions/{{ name }}/src/permissions.rs"),
    ("store.rs", "functions/{{ name }}/src/store.rs"),
    ("tests-main.rs", "functions/{{ name }}/tests/api/main.rs"),
    ("tests-nouns.rs", "functions/{{ name }}/tests/api/{{ nouns_module }}.rs"),
    ("guard-fixture.rs", "functions/all/tests/guards/{{ library }}_fixture.rs"),
];

/// All files of the service itself.
pub(super) fn rendered(workspace: &Path, names: &Names) -> Result<Vec<File>> {
    let environment = render::environment(&TEMPLATES)?;
    let render_one = |(template, place): &(&str, &str)| {
        let text = environment
            .get_template(&format!("new-service/{template}.j2"))?
            .render(Serde(names))
            .with_context(|| format!("{template} cannot be rendered"))?;
        let path = environment.render_str(place, Serde(names))?;
        let text = if path.ends_with(".rs") { formatted(workspace, &path, &text)? } else { text };
        Ok(File { path, text })
    };
    PLACES.iter().map(render_one).collect()
}

/// The nested stack in `infra/template.yaml`.
pub(super) fn nested_stack(names: &Names) -> Result<String> {
    let environment = render::environment(&TEMPLATES)?;
    Ok(environment.get_template("new-service/stack.yaml.j2")?.render(Serde(names))?)
}

/// Every word of the templates that begins like a type, outside of comments: the name of a noun or
/// of the service must be none of them.
pub(super) fn type_names() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (_, source) in TEMPLATES.iter().filter(|(name, _)| name.ends_with(".rs.j2")) {
        for line in source.lines().filter(|line| !line.trim_start().starts_with("//")) {
            // What a tag makes is no word of the template, nor is what follows it at once.
            let words = line.replace("{{ ", "_").replace(" }}", "_");
            let words = words.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            let is_type = |word: &&str| word.starts_with(|c: char| c.is_ascii_uppercase());
            found.extend(words.filter(is_type).map(str::to_owned));
        }
    }
    found
}

/// The modules beside that of the noun.
pub(super) fn module_names() -> impl Iterator<Item = &'static str> {
    PLACES.iter().filter_map(|(_, place)| {
        place.strip_prefix("functions/{{ name }}/src/")?.strip_suffix(".rs")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_the_templates_are_known() {
        let types = type_names();
        for name in ["Store", "Error", "Title", "TitleMarker", "Item", "Value", "Index", "Vec"] {
            assert!(types.contains(name), "{name}");
        }
        for free in ["Note", "Summary", "Workflow"] {
            assert!(!types.contains(free), "{free}");
        }
        assert!(module_names().any(|module| module == "store"));
    }
}
