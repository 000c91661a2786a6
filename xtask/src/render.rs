//! How templates of `xtask/templates` are rendered, whatever they make.

use anyhow::Result;
use minijinja::{Environment, UndefinedBehavior, syntax::SyntaxConfig};

/// Templates by their name below `xtask/templates`, as part of the program.
macro_rules! templates {
    ($($name:literal),+ $(,)?) => {
        [$(($name, include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/templates/", $name)))),+]
    };
}
pub(crate) use templates;

/// Strict: what a template names must be there.
pub fn environment(
    templates: &'static [(&'static str, &'static str)],
) -> Result<Environment<'static>> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    // A line with nothing but a tag leaves nothing behind.
    environment.set_syntax(
        SyntaxConfig::builder()
            .trim_blocks(true)
            .lstrip_blocks(true)
            .keep_trailing_newline(true)
            .build()?,
    );
    for (name, source) in templates {
        environment.add_template(name, source)?;
    }
    Ok(environment)
}
