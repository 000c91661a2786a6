//! Templates of prompts: the part of minijinja's language in which nothing can grow without bound.
//!
//! A template may loop, choose and filter. It builds no lists and sets no names, and what makes
//! longer texts of texts (`~`, `+`, `*`, macros, inclusion) is refused when it is saved: so whatever
//! it does takes time and memory in proportion to its steps and its input. Its steps, its output and
//! the output of each filter are bounded.

use std::{
    collections::BTreeSet,
    io::{self, Write},
};

use minijinja::{
    Environment, Error, ErrorKind, UndefinedBehavior, filters,
    machinery::{
        ast::{BinOpKind, CallArg, Expr, Stmt},
        parse,
    },
    syntax::SyntaxConfig,
    tests,
    value::{Serde, Value},
};

/// Steps of a rendering, of all templates of a prompt together.
pub const MAX_STEPS: u64 = 50_000;
/// Bytes of what comes of all templates of a prompt together.
pub const MAX_OUTPUT_BYTES: usize = 256 * 1024;

/// The filters there are.
const FILTERS: &[&str] = &[
    "abs",
    "capitalize",
    "count",
    "d",
    "default",
    "dictsort",
    "first",
    "float",
    "int",
    "items",
    "join",
    "last",
    "length",
    "lines",
    "lower",
    "max",
    "min",
    "replace",
    "reverse",
    "round",
    "sort",
    "split",
    "title",
    "tojson",
    "trim",
    "unique",
    "upper",
];

/// Whether a template can be rendered with variables of these names.
///
/// # Errors
/// What is wrong with it, for people.
pub fn check(template: &str, declared: &BTreeSet<&str>) -> Result<(), String> {
    let parsed = parse(template, "template", syntax()).map_err(|it| told(&it))?;
    statement(&parsed)?;
    let environment = environment();
    let compiled = environment.template_from_str(template).map_err(|error| told(&error))?;
    let mut unknown = compiled.undeclared_variables(false);
    unknown.retain(|name| !declared.contains(name.as_str()));
    match unknown.into_iter().min() {
        None => Ok(()),
        Some(name) => Err(format!("there is no variable {name}: declare it")),
    }
}

/// What comes of each template.
///
/// # Errors
/// What is wrong, for people: too many steps, too much output, a value that does not fit what the
/// template does with it.
pub fn render(templates: &[&str], variables: &serde_json::Value) -> Result<Vec<String>, String> {
    let mut environment = environment();
    let variables = Value::from(Serde(variables));
    let (mut steps, mut left) = (MAX_STEPS, MAX_OUTPUT_BYTES);
    let mut texts = Vec::with_capacity(templates.len());
    for (place, template) in templates.iter().enumerate() {
        let told = |error: String| format!("message {}: {error}", place + 1);
        environment.set_fuel(Some(steps));
        let compiled =
            environment.template_from_str(template).map_err(|it| told(self::told(&it)))?;
        let mut output = Limited::of(left);
        let rendered = compiled.render_captured_to(variables.clone(), &mut output);
        if output.is_full {
            return Err(told(format!("gives more than {MAX_OUTPUT_BYTES} bytes")));
        }
        let state = rendered.map_err(|error| told(self::told(&error)))?;
        steps = state.state().fuel_levels().map_or(steps, |(_, left)| left);
        left -= output.bytes.len();
        texts.push(output.into_text().map_err(|error| told(error.to_string()))?);
    }
    Ok(texts)
}

/// Texts stay as they are, their last line break too.
fn syntax() -> SyntaxConfig {
    SyntaxConfig::builder().keep_trailing_newline(true).build().unwrap_or_default()
}

fn environment() -> Environment<'static> {
    let mut environment = Environment::empty();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_syntax(syntax());
    environment.add_filter("abs", filters::abs);
    environment.add_filter("capitalize", filters::capitalize);
    environment.add_filter("count", filters::length);
    environment.add_filter("d", filters::default);
    environment.add_filter("default", filters::default);
    environment.add_filter("dictsort", filters::dictsort);
    environment.add_filter("first", filters::first);
    environment.add_filter("float", filters::float);
    environment.add_filter("int", filters::int);
    environment.add_filter("items", filters::items);
    environment.add_filter("join", join);
    environment.add_filter("last", filters::last);
    environment.add_filter("length", filters::length);
    environment.add_filter("lines", filters::lines);
    environment.add_filter("lower", filters::lower);
    environment.add_filter("max", filters::max);
    environment.add_filter("min", filters::min);
    environment.add_filter("replace", replace);
    environment.add_filter("reverse", filters::reverse);
    environment.add_filter("round", filters::round);
    environment.add_filter("sort", filters::sort);
    environment.add_filter("split", filters::split);
    environment.add_filter("title", filters::title);
    environment.add_filter("tojson", to_json);
    environment.add_filter("trim", filters::trim);
    environment.add_filter("unique", filters::unique);
    environment.add_filter("upper", filters::upper);
    environment.add_test("boolean", tests::is_boolean);
    environment.add_test("defined", tests::is_defined);
    environment.add_test("divisibleby", tests::is_divisibleby);
    environment.add_test("endingwith", tests::is_endingwith);
    environment.add_test("even", tests::is_even);
    environment.add_test("false", tests::is_false);
    environment.add_test("integer", tests::is_integer);
    environment.add_test("mapping", tests::is_mapping);
    environment.add_test("none", tests::is_none);
    environment.add_test("number", tests::is_number);
    environment.add_test("odd", tests::is_odd);
    environment.add_test("sequence", tests::is_sequence);
    environment.add_test("startingwith", tests::is_startingwith);
    environment.add_test("string", tests::is_string);
    environment.add_test("true", tests::is_true);
    environment.add_test("undefined", tests::is_undefined);
    environment
}

/// The texts of a list with something between them.
fn join(list: Value, between: Option<&str>) -> Result<String, Error> {
    let mut output = Limited::of(MAX_OUTPUT_BYTES);
    for (place, value) in list.try_iter()?.enumerate() {
        let between = if place == 0 { "" } else { between.unwrap_or_default() };
        write!(output, "{between}{value}").map_err(grown)?;
    }
    output.into_text()
}

/// A text with each of these instead of those.
fn replace(text: &str, from: &str, to: &str) -> Result<String, Error> {
    let mut output = Limited::of(MAX_OUTPUT_BYTES);
    for (place, piece) in text.split(from).enumerate() {
        let to = if place == 0 { "" } else { to };
        write!(output, "{to}{piece}").map_err(grown)?;
    }
    output.into_text()
}

/// A value as JSON.
fn to_json(value: Value) -> Result<String, Error> {
    let mut output = Limited::of(MAX_OUTPUT_BYTES);
    serde_json::to_writer(&mut output, &value).map_err(grown)?;
    output.into_text()
}

fn grown(_: impl std::error::Error) -> Error {
    let detail = format!("a filter gives more than {MAX_OUTPUT_BYTES} bytes");
    Error::new(ErrorKind::InvalidOperation, detail)
}

/// Text of at most so many bytes.
struct Limited {
    bytes: Vec<u8>,
    max: usize,
    is_full: bool,
}

impl Limited {
    fn of(max: usize) -> Limited {
        Limited { bytes: Vec::new(), max, is_full: false }
    }

    fn into_text(self) -> Result<String, Error> {
        let not_text = |_| Error::new(ErrorKind::InvalidOperation, "gives no text");
        String::from_utf8(self.bytes).map_err(not_text)
    }
}

impl Write for Limited {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + bytes.len() > self.max {
            self.is_full = true;
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// An error of the language, for people.
fn told(error: &Error) -> String {
    let line = error.line().map(|line| format!(" in line {line}")).unwrap_or_default();
    if error.kind() == ErrorKind::OutOfFuel {
        return format!("takes more than {MAX_STEPS} steps");
    }
    match error.detail() {
        Some(detail) => format!("{}{line}: {detail}", error.kind()),
        None => format!("{}{line}", error.kind()),
    }
}

fn refused(what: &str) -> String {
    format!("{what} is not part of the language of templates")
}

fn statements(all: &[Stmt<'_>]) -> Result<(), String> {
    all.iter().try_for_each(statement)
}

fn statement(one: &Stmt<'_>) -> Result<(), String> {
    match one {
        Stmt::Template(template) => statements(&template.children),
        Stmt::EmitRaw(_) => Ok(()),
        Stmt::EmitExpr(emitted) => expression(&emitted.expr),
        Stmt::ForLoop(looped) if looped.recursive => Err(refused("a recursive loop")),
        Stmt::ForLoop(looped) => {
            expression(&looped.iter)?;
            looped.filter_expr.iter().try_for_each(expression)?;
            statements(&looped.body)?;
            statements(&looped.else_body)
        }
        Stmt::IfCond(choice) => {
            expression(&choice.expr)?;
            statements(&choice.true_body)?;
            statements(&choice.false_body)
        }
        Stmt::Set(_) | Stmt::SetBlock(_) | Stmt::WithBlock(_) => Err(refused("a name of its own")),
        _ => Err(refused("a block other than `for` and `if`")),
    }
}

fn expressions<'e>(all: impl IntoIterator<Item = &'e Expr<'e>>) -> Result<(), String> {
    all.into_iter().try_for_each(expression)
}

fn expression(one: &Expr<'_>) -> Result<(), String> {
    match one {
        Expr::Var(_) | Expr::Const(_) => Ok(()),
        Expr::Slice(slice) => {
            expression(&slice.expr)?;
            [&slice.start, &slice.stop, &slice.step].into_iter().flatten().try_for_each(expression)
        }
        Expr::UnaryOp(operation) => expression(&operation.expr),
        Expr::BinOp(operation) => {
            match operation.op {
                BinOpKind::Concat => return Err(refused("`~`")),
                BinOpKind::Add => return Err(refused("`+`")),
                BinOpKind::Mul | BinOpKind::Pow => return Err(refused("`*`")),
                _ => {}
            }
            expression(&operation.left)?;
            expression(&operation.right)
        }
        Expr::Compare(compared) => {
            expression(&compared.expr)?;
            compared.ops.iter().try_for_each(|operation| expression(&operation.expr))
        }
        Expr::IfExpr(choice) => {
            expression(&choice.test_expr)?;
            expression(&choice.true_expr)?;
            choice.false_expr.iter().try_for_each(expression)
        }
        Expr::Filter(filter) if !FILTERS.contains(&filter.name) => {
            Err(format!("there is no filter {}: there are {}", filter.name, FILTERS.join(", ")))
        }
        Expr::Filter(filter) => {
            filter.expr.iter().try_for_each(expression)?;
            arguments(&filter.args)
        }
        Expr::Test(test) => {
            expression(&test.expr)?;
            arguments(&test.args)
        }
        Expr::GetAttr(got) => expression(&got.expr),
        Expr::GetItem(got) => expressions([&got.expr, &got.subscript_expr]),
        Expr::List(list) if list.as_const().is_some() => Ok(()),
        Expr::List(_) | Expr::Tuple(_) | Expr::Map(_) => Err(refused("a list of variables")),
        _ => Err(refused("a call")),
    }
}

fn arguments(all: &[CallArg<'_>]) -> Result<(), String> {
    all.iter().try_for_each(|argument| match argument {
        CallArg::Pos(value)
        | CallArg::Kwarg(_, value)
        | CallArg::PosSplat(value)
        | CallArg::KwargSplat(value) => expression(value),
    })
}

#[cfg(test)]
mod tests_of_templates {
    use serde_json::json;

    use super::*;

    fn one(template: &str, variables: serde_json::Value) -> Result<String, String> {
        let declared = variables.as_object().unwrap().keys().map(String::as_str).collect();
        check(template, &declared)?;
        render(&[template], &variables).map(|mut texts| texts.remove(0))
    }

    #[test]
    fn loops_choices_and_filters() {
        let variables = json!({ "who": "Ada", "files": ["a.rs", "b.rs"], "map": { "k": 1 } });
        for (template, expected) in [
            ("Hello {{ who }}!\n", "Hello Ada!\n"),
            ("{% for f in files %}{{ loop.index }} {{ f }};{% endfor %}", "1 a.rs;2 b.rs;"),
            ("{% if who is string and who != 'Bob' %}yes{% else %}no{% endif %}", "yes"),
            ("{{ files | join(', ') | upper }}", "A.RS, B.RS"),
            ("{{ map | tojson }}", "{\"k\":1}"),
            ("{{ who | replace('d', '-') }}{{ files[0] }}{{ map.k }}", "A-aa.rs1"),
            ("{% if who in ['Ada', 'Bob'] %}known{% endif %}", "known"),
            ("{# nothing #}{% raw %}{{ who }}{% endraw %}", "{{ who }}"),
        ] {
            assert_eq!(one(template, variables.clone()).as_deref(), Ok(expected), "{template}");
        }
    }

    #[test]
    fn values_are_no_templates() {
        let text = one("{{ said }}", json!({ "said": "{{ 7 }} {% include 'x' %}" })).unwrap();
        assert_eq!(text, "{{ 7 }} {% include 'x' %}");
    }

    #[test]
    fn what_could_grow_is_refused_before_it_is_saved() {
        let variables = json!({ "a": "a", "list": [1] });
        for template in [
            "{{ a ~ a }}",
            "{{ a + a }}",
            "{{ a * 99 }}",
            "{% set b = a %}{{ b }}",
            "{% with b = a %}{{ b }}{% endwith %}",
            "{% macro m() %}{{ a }}{% endmacro %}",
            "{% include 'x' %}",
            "{% for x in list recursive %}{{ loop(list) }}{% endfor %}",
            "{{ [a, a] }}",
            "{{ (a, a) }}",
            "{{ {'k': a} }}",
            "{{ range(9) }}",
            "{{ a | indent(9) }}",
            "{{ a | length(a ~ a) }}",
            "{% for x in list if a ~ a %}{% endfor %}",
            "{{ unknown }}",
            "{{ a",
            "{% if a %}",
        ] {
            assert!(one(template, variables.clone()).is_err(), "{template}");
        }
    }

    #[test]
    fn steps_and_output_are_bounded() {
        let list: Vec<u32> = (0..300).collect();
        let endless = "{% for a in list %}{% for b in list %}{{ a }}{% endfor %}{% endfor %}";
        let told = one(endless, json!({ "list": list })).unwrap_err();
        assert!(told.contains("steps"), "{told}");
        let large =
            json!({ "a": "x".repeat(100_000), "list": [1, 2, 3], "quote": "\"".repeat(99) });
        let told = one("{% for i in list %}{{ a }}{% endfor %}", large.clone()).unwrap_err();
        assert!(told.contains("bytes"), "{told}");
        for bomb in [
            "{{ a | replace('', a) }}".to_owned(),
            "{{ a | split('') | join(a) }}".to_owned(),
            format!("{{{{ quote {} }}}}", "| tojson ".repeat(20)),
        ] {
            let told = one(&bomb, large.clone()).unwrap_err();
            assert!(told.contains("a filter gives more") || told.contains("steps"), "{told}");
        }
        // Of all messages together.
        let half = json!({ "a": "x".repeat(MAX_OUTPUT_BYTES / 2) });
        assert!(render(&["{{ a }}", "{{ a }}"], &half).is_ok());
        assert!(render(&["{{ a }}", "{{ a }}", "{{ a }}"], &half).is_err());
    }
}
