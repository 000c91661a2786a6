//! Markup out of descriptions and examples.

use pulldown_cmark::{Event, Options, Parser, html};

/// CommonMark to HTML; HTML within it is shown, not obeyed.
pub(super) fn markdown(text: &str) -> String {
    let events = Parser::new_ext(text, Options::empty()).map(|event| match event {
        Event::Html(raw) | Event::InlineHtml(raw) => Event::Text(raw),
        other => other,
    });
    let mut markup = String::new();
    html::push_html(&mut markup, events);
    markup.trim_end().to_owned()
}

/// The same for a text of one paragraph, without the element around it.
pub(super) fn phrase(text: &str) -> String {
    let markup = markdown(text);
    match markup.strip_prefix("<p>").and_then(|rest| rest.strip_suffix("</p>")) {
        Some(inner) if !inner.contains("<p>") => inner.to_owned(),
        _ => markup,
    }
}

pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// A path whose `{parameters}` stand out and that breaks after slashes.
pub(super) fn path(path: &str) -> String {
    path.split_inclusive('/')
        .map(|segment| {
            let name = segment.trim_end_matches('/');
            let slash = if segment.ends_with('/') { "/<wbr>" } else { "" };
            match name.strip_prefix('{') {
                Some(_) => format!("<var>{}</var>{slash}", escape(name)),
                None => format!("{}{slash}", escape(name)),
            }
        })
        .collect()
}

/// Pretty JSON with its names and texts marked.
pub(super) fn json(text: &str) -> String {
    text.lines().map(line).collect::<Vec<String>>().join("\n")
}

/// One line of pretty JSON: at most a name and a value.
fn line(line: &str) -> String {
    let content = line.trim_start();
    let indentation = &line[..line.len() - content.len()];
    let (name, value) = match name_length(content) {
        Some(length) => content.split_at(length),
        None => ("", content),
    };
    let name = match name {
        "" => String::new(),
        name => format!("<b>{}</b>", escape(name)),
    };
    let (separator, value) = match value.strip_prefix(": ") {
        Some(value) => (": ", value),
        None => ("", value),
    };
    let value = if value.starts_with('"') {
        let (text, comma) = value.strip_suffix(',').map_or((value, ""), |text| (text, ","));
        format!("<i>{}</i>{comma}", escape(text))
    } else {
        escape(value)
    };
    format!("{indentation}{name}{separator}{value}")
}

/// The length of the quoted name a line begins with, if a colon follows.
fn name_length(content: &str) -> Option<usize> {
    let rest = content.strip_prefix('"')?;
    let mut escaped = false;
    let end = rest.find(|character| match character {
        _ if escaped => {
            escaped = false;
            false
        }
        '\\' => {
            escaped = true;
            false
        }
        other => other == '"',
    })?;
    rest[end + 1..].starts_with(": ").then_some(end + 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptions_are_markdown_and_never_markup() {
        assert_eq!(phrase("at most `5`, <script>"), "at most <code>5</code>, &lt;script&gt;");
        assert_eq!(markdown("a\n\nb"), "<p>a</p>\n<p>b</p>");
    }

    #[test]
    fn parameters_of_a_path_stand_out() {
        assert_eq!(path("/a/{id}/b"), "/<wbr>a/<wbr><var>{id}</var>/<wbr>b");
    }

    #[test]
    fn names_and_texts_of_json_are_told_apart() {
        let text = "{\n  \"a\\\"b: \": \"x: \\\"<\\\"\",\n  \"n\": 1\n}";
        let expected = "{\n  <b>&quot;a\\&quot;b: &quot;</b>: <i>&quot;x: \\&quot;&lt;\\&quot;&quot;</i>,\n  \
                        <b>&quot;n&quot;</b>: 1\n}";
        assert_eq!(json(text), expected);
    }
}
