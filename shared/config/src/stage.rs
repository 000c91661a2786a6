use std::fmt;

/// Where the system runs: `local`, or a stage of an installation such as `dev` or `production`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stage(String);

impl Stage {
    pub(crate) fn parse(name: &str) -> Result<Stage, String> {
        let proper =
            name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if !proper || !(1..=16).contains(&name.len()) {
            return Err(format!("must be 1-16 of a-z, 0-9 and -, is {name:?}"));
        }
        Ok(Stage(name.to_owned()))
    }

    /// The developer's own machine: endpoints must be given, tokens may be issued by hand.
    pub fn is_local(&self) -> bool {
        self.0 == "local"
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
