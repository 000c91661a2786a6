//! `docs/PERFORMANCE.md`: the text is written by hand, the part between two marks is measured.

use std::{fs, path::Path};

use anyhow::{Context, Result, bail};

pub const PLACE: &str = "docs/PERFORMANCE.md";

const BEGIN: &str = "<!-- Measured by `cargo xtask bench --write`: begin -->";
const END: &str = "<!-- Measured by `cargo xtask bench --write`: end -->";

/// Puts the tables in place of those of the last time.
pub fn write(file: &Path, tables: &str) -> Result<()> {
    let text =
        fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?;
    crate::paths::replace(file, replaced(&text, tables)?)
}

fn replaced(text: &str, tables: &str) -> Result<String> {
    let parts = text.split_once(BEGIN).and_then(|(before, rest)| {
        let (_, after) = rest.split_once(END)?;
        Some((before, after))
    });
    let Some((before, after)) = parts else {
        bail!("{PLACE} has lost its marks; it needs the two lines\n{BEGIN}\n{END}");
    };
    Ok(format!("{before}{BEGIN}\n\n{}\n\n{END}{after}", tables.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_between_the_marks_is_replaced() {
        let first = format!("# Title\n{BEGIN}\n{END}\nText\n");
        let second = replaced(&first, "one\n").expect("marks");
        assert_eq!(second, format!("# Title\n{BEGIN}\n\none\n\n{END}\nText\n"));
        let third = replaced(&second, "two").expect("marks");
        assert_eq!(third, second.replace("one", "two"));
        assert!(replaced("# Title\n", "one").is_err());
        assert!(replaced(&format!("{END}{BEGIN}"), "one").is_err());
    }

    #[test]
    fn the_page_has_its_marks() {
        let page = crate::paths::workspace().join(PLACE);
        let text = fs::read_to_string(page).expect("the page");
        assert!(replaced(&text, "x").is_ok());
    }
}
