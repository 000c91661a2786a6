//! Files of variables, `KEY=value`.

use zeroize::Zeroizing;

/// A variable of a file.
pub struct Variable {
    /// Where it begins, from 1 on.
    pub line: usize,
    pub key: String,
    pub value: Zeroizing<String>,
}

/// A line that cannot be read. What stands there is nobody's business.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadLine {
    pub line: usize,
    pub detail: &'static str,
}

/// Reads a file: blank lines and comments are skipped, `export` before a key, too. Values are bare
/// (trimmed, until ` #`), in single quotes (literal) or in double quotes (`\n`, `\r`, `\t`, `\"`,
/// `\\`, `\$`); quoted ones may span lines. Nothing is expanded.
pub fn read_dotenv(text: &str) -> (Vec<Variable>, Vec<BadLine>) {
    let (mut variables, mut bad) = (Vec::new(), Vec::new());
    let (mut rest, mut line) = (text, 1);
    while !rest.is_empty() {
        let (end, outcome) = variable(rest, line);
        match outcome {
            Ok(Some(variable)) => variables.push(variable),
            Ok(None) => {}
            Err(detail) => bad.push(BadLine { line, detail }),
        }
        let (read, left) = rest.split_at(end.min(rest.len()));
        line += read.matches('\n').count();
        rest = left;
    }
    (variables, bad)
}

/// Behind the end of the line.
fn end_of_line(text: &str) -> usize {
    text.find('\n').map_or(text.len(), |end| end + 1)
}

/// What stands at the beginning, and where the next line begins.
fn variable(text: &str, line: usize) -> (usize, Result<Option<Variable>, &'static str>) {
    let end = end_of_line(text);
    let start = text[..end].trim_start_matches([' ', '\t']);
    if start.trim().is_empty() || start.starts_with('#') {
        return (end, Ok(None));
    }
    let start = match start.strip_prefix("export") {
        Some(named) if named.starts_with([' ', '\t']) => named.trim_start_matches([' ', '\t']),
        _ => start,
    };
    let Some((key, _)) = start.split_once('=') else {
        return (end, Err("must be KEY=value"));
    };
    let key = key.trim_end_matches([' ', '\t']);
    let begins = key.bytes().next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_');
    let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-');
    if !begins || !key.bytes().all(fits) || key.len() > 255 {
        return (end, Err("must begin with a key of A-Z a-z 0-9 _ . -"));
    }
    // Where the value begins within `text`.
    let before = text[..end].find('=').map_or(end, |at| at + 1);
    let value = text[before..].trim_start_matches([' ', '\t']);
    let begins_at = text.len() - value.len();
    let (used, value) = match value.bytes().next() {
        Some(b'\'') => quoted(value, '\''),
        Some(b'"') => quoted(value, '"'),
        _ => {
            let own = &text[begins_at.min(end)..end];
            return (end, Ok(Some(Variable { line, key: key.to_owned(), value: bare(own) })));
        }
    };
    let behind = begins_at + used;
    let end = behind + end_of_line(&text[behind..]);
    let Some(value) = value else { return (end_of_line(text), Err("the quote is not closed")) };
    let tail = text[behind..end].trim();
    if !tail.is_empty() && !tail.starts_with('#') {
        return (end, Err("must have nothing behind the quoted value"));
    }
    (end, Ok(Some(Variable { line, key: key.to_owned(), value })))
}

fn bare(text: &str) -> Zeroizing<String> {
    let comment = [" #", "\t#"].iter().filter_map(|mark| text.find(mark)).min();
    Zeroizing::new(text[..comment.unwrap_or(text.len())].trim().to_owned())
}

/// How much of the text the quotes and what is between them take.
fn quoted(text: &str, quote: char) -> (usize, Option<Zeroizing<String>>) {
    let mut value = Zeroizing::new(String::with_capacity(text.len().min(65_536)));
    let mut characters = text.char_indices().skip(1);
    while let Some((at, character)) = characters.next() {
        if character == quote {
            return (at + 1, Some(value));
        }
        if character != '\\' || quote == '\'' {
            value.push(character);
            continue;
        }
        match characters.next() {
            Some((_, 'n')) => value.push('\n'),
            Some((_, 'r')) => value.push('\r'),
            Some((_, 't')) => value.push('\t'),
            Some((_, plain @ ('"' | '\\' | '$'))) => value.push(plain),
            Some((_, other)) => value.extend(['\\', other]),
            None => break,
        }
    }
    (text.len(), None)
}

/// Writes one variable, so that others read the same: bare if nothing in it means anything, else in
/// single quotes, else in double quotes.
pub fn write_dotenv(output: &mut String, key: &str, value: &str) {
    output.push_str(key);
    output.push('=');
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"_./:@%+,=-".contains(&b);
    // Some readers take a backslash for an escape in single quotes, too.
    let escapes = value.contains("\\\\") || value.ends_with('\\');
    if value.bytes().all(plain) || is_bare_enough(value) {
        output.push_str(value);
    } else if !value.contains(['\'', '\r']) && !escapes {
        output.push('\'');
        output.push_str(value);
        output.push('\'');
    } else {
        output.push('"');
        for character in value.chars() {
            match character {
                '\n' => output.push_str("\\n"),
                '\r' => output.push_str("\\r"),
                '"' => output.push_str("\\\""),
                '\\' => output.push_str("\\\\"),
                other => output.push(other),
            }
        }
        output.push('"');
    }
    output.push('\n');
}

/// A backslash at the end would escape any quote behind it.
fn is_bare_enough(value: &str) -> bool {
    value.ends_with('\\')
        && value.trim() == value
        && !value.starts_with(['\'', '"', '#'])
        && !value.contains(['\n', '\r', '`', '$'])
        && !value.contains(" #")
        && !value.contains("\t#")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Vec<(usize, String, String)> {
        let (variables, bad) = read_dotenv(text);
        assert_eq!(bad, []);
        variables.into_iter().map(|v| (v.line, v.key, v.value.to_string())).collect()
    }

    #[test]
    fn every_form_is_read() {
        let text = "\
# a comment

A=1
 export B = two words # gone
C='lit $A \\n #'
D=\"x\\n\\\"\\$\\\\\\t\" # gone
E='one
two'
F=
G=a#b
H=\"un\\q\"\r
I=last";
        let expected = [
            (3, "A", "1"),
            (4, "B", "two words"),
            (5, "C", "lit $A \\n #"),
            (6, "D", "x\n\"$\\\t"),
            (7, "E", "one\ntwo"),
            (9, "F", ""),
            (10, "G", "a#b"),
            (11, "H", "un\\q"),
            (12, "I", "last"),
        ];
        let expected: Vec<_> =
            expected.map(|(line, key, value)| (line, key.to_owned(), value.to_owned())).into();
        assert_eq!(read(text), expected);
    }

    #[test]
    fn bad_lines_are_named_by_their_numbers() {
        let (variables, bad) = read_dotenv("A=1\nnothing\n1=x\nB='x' y\nC=2\nD=\"open\nE=3\n");
        let lines: Vec<usize> = bad.iter().map(|bad| bad.line).collect();
        assert_eq!(lines, [2, 3, 4, 6]);
        let keys: Vec<&str> = variables.iter().map(|variable| variable.key.as_str()).collect();
        assert_eq!(keys, ["A", "C", "E"]);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(value in "[ -~\n\r\t'\"\\\\$#äö]{0,40}") {
            let mut text = String::new();
            write_dotenv(&mut text, "KEY", &value);
            write_dotenv(&mut text, "NEXT", "1");
            let both = read(&text);
            prop_assert_eq!(both.len(), 2);
            prop_assert_eq!(&both[0].2, &value);
        }
    }
}
