//! What was measured, as tables.

use std::fmt::Write;

use millwright_bench_driver::{Latency, Measured, Started, Usage};

use super::{Options, machine::Machine, run::COUNTED, size::Size, work::Worked};
use crate::generate::{header, table};

/// All of one run.
pub struct Report {
    command: String,
    requests: u32,
    processes: u32,
    machine: Machine,
    node_version: Option<String>,
    pub subjects: Vec<SubjectReport>,
    pub double: Option<Double>,
}

pub struct SubjectReport {
    pub function: &'static str,
    pub size: Size,
    pub started: Started,
    pub rows: Vec<Row>,
    pub race: Option<Measured>,
    pub works: Vec<Worked>,
    pub node: Option<Beside>,
}

pub struct Row {
    pub name: &'static str,
    pub one: Measured,
    pub several: Measured,
    /// Of [`COUNTED`] requests.
    pub usage: Usage,
}

/// The Node function.
pub struct Beside {
    pub size: Size,
    pub started: Started,
    pub comparisons: Vec<Comparison>,
}

pub struct Comparison {
    pub name: &'static str,
    pub one: Measured,
    pub several: Measured,
}

/// DynamoDB in memory, without a function.
#[derive(Clone, Copy)]
pub struct Double {
    pub put: Latency,
    pub get: Latency,
    pub query: Latency,
}

impl Report {
    pub fn new(options: &Options, machine: Machine, node_version: Option<String>) -> Report {
        Report {
            command: options.command(),
            requests: options.requests,
            processes: options.processes,
            machine,
            node_version,
            subjects: Vec::new(),
            double: None,
        }
    }

    /// Everything as Markdown.
    pub fn tables(&self) -> String {
        let mut text = self.conditions();
        for subject in &self.subjects {
            subject.tables(self.processes, &mut text);
        }
        text
    }

    fn conditions(&self) -> String {
        let Machine { processor, cores, kernel, rust, load } = &self.machine;
        let mut text = format!("`{}`: {} requests a row, ", self.command, self.requests);
        let _ = write!(text, "on {processor}, {cores} cores, {kernel}, {rust}");
        if let Some(version) = &self.node_version {
            let _ = write!(text, ", Node {}", version.trim_start_matches('v'));
        }
        if let Some(load) = load {
            let _ = write!(text, "; load before the start: {load:.2}");
        }
        text.push_str(".\n");
        if let Some(Double { put, get, query }) = self.double {
            let _ = writeln!(
                text,
                "The double of DynamoDB alone, called by the driver: GetItem {}, Query {}, \
                 PutItem {} (p50 / p99).",
                both(get),
                both(query),
                both(put),
            );
        }
        text
    }
}

impl SubjectReport {
    fn tables(&self, processes: u32, text: &mut String) {
        let _ = writeln!(text, "\n### {}", self.function);
        let goals = self.goals();
        if !goals.is_empty() {
            let _ = write!(text, "\n{}", table(&goals));
        }
        let _ = write!(text, "\n{}", table(&self.start_and_size()));
        if !self.rows.is_empty() {
            let _ = write!(text, "\n{}", table(&self.speeds(processes)));
            let _ = write!(text, "\n{}", table(&self.consumption()));
        }
        if let Some(node) = &self.node {
            let _ = write!(text, "\n{}", table(&self.beside(node)));
        }
        if let Some(race) = &self.race {
            let _ = writeln!(text, "\n{}", race_in_words(race));
        }
        if !self.works.is_empty() {
            let _ = write!(text, "\n{}", table(&self.labour()));
        }
    }

    /// The goals of a function on a quiet machine of two cores.
    fn goals(&self) -> Vec<Vec<String>> {
        let mut rows = vec![header(&["goal", "at", "measured", ""])];
        let mut goal = |name: &str, limit: &str, measured: String, is_reached: bool| {
            let verdict = if is_reached { "reached" } else { "**missed**" };
            rows.push(vec![name.into(), limit.into(), measured, verdict.into()]);
        };
        let poll = self.started.first_poll.p50;
        goal("start to first poll, p50", "≤ 4 ms", milliseconds(poll), poll <= 4.0);
        if let Some(row) = self.rows.iter().find(|row| row.name == "task_get") {
            let p50 = row.one.latency.p50;
            goal("task_get warm, p50", "≤ 0.6 ms", milliseconds(p50), p50 <= 0.6);
        }
        let bytes = self.size.bytes;
        goal("binary", "≤ 9 MB", megabytes(bytes), bytes <= 9_000_000);
        let peak = self.peak();
        goal("resident", "≤ 15 MB", megabytes(peak), peak <= 15_000_000);
        for (row, node) in self.pairs() {
            let ratio = row.one.per_cpu_second() / node.one.per_cpu_second();
            let name = format!("{}, requests per CPU second beside Node", row.name);
            goal(&name, "≥ 5 times", format!("{ratio:.1} times"), ratio >= 5.0);
        }
        rows
    }

    fn peak(&self) -> u64 {
        let rows = self.rows.iter().flat_map(|row| [row.one.peak_bytes, row.several.peak_bytes]);
        rows.chain([self.started.resident_bytes]).max().unwrap_or_default()
    }

    fn start_and_size(&self) -> Vec<Vec<String>> {
        let mut rows = vec![header(&[
            "function",
            "first poll p50 / p99",
            "first answer p50 / p99",
            "resident then",
            "code",
            "zip",
        ])];
        let mut row = |name: &str, started: &Started, size: Size| {
            rows.push(vec![
                name.to_owned(),
                both(started.first_poll),
                both(started.first_answer),
                megabytes(started.resident_bytes),
                megabytes(size.bytes),
                megabytes(size.zipped),
            ]);
        };
        row(self.function, &self.started, self.size);
        if let Some(node) = &self.node {
            row("in Node", &node.started, node.size);
        }
        rows
    }

    fn speeds(&self, processes: u32) -> Vec<Vec<String>> {
        let several = format!("{processes} processes: requests / s");
        let mut rows = vec![header(&[
            "operation",
            "p50 / p99",
            "requests / CPU s",
            &several,
            "p50 / p99",
            "requests / CPU s",
            "peak memory",
        ])];
        let mut row = |name: String, one: &Measured, several: &Measured| {
            rows.push(vec![
                name,
                both(one.latency),
                format!("{:.0}", one.per_cpu_second()),
                format!("{:.0}", several.per_second()),
                both(several.latency),
                format!("{:.0}", several.per_cpu_second()),
                megabytes(one.peak_bytes.max(several.peak_bytes)),
            ]);
        };
        for measured in &self.rows {
            row(measured.name.to_owned(), &measured.one, &measured.several);
        }
        for compared in self.node.iter().flat_map(|node| &node.comparisons) {
            row(format!("{} in Node", compared.name), &compared.one, &compared.several);
        }
        rows
    }

    fn consumption(&self) -> Vec<Vec<String>> {
        let mut rows = vec![header(&["operation", "calls", "read units", "write units"])];
        for Row { name, usage, .. } in &self.rows {
            rows.push(vec![
                (*name).to_owned(),
                calls(usage, average),
                trimmed(average(usage.read_units)),
                trimmed(average(usage.write_units)),
            ]);
        }
        rows
    }

    fn labour(&self) -> Vec<Vec<String>> {
        let mut rows = vec![header(&[
            "work",
            "messages",
            "seconds",
            "a second",
            "a CPU second",
            "calls",
            "read units",
            "write units",
            "peak memory",
        ])];
        for work in &self.works {
            let amount = f64::from(work.amount);
            rows.push(vec![
                work.name.to_owned(),
                work.messages.to_string(),
                number(work.seconds),
                format!("{:.0} {}", amount / work.seconds, work.of_what),
                format!("{:.0} {}", amount / work.cpu_seconds, work.of_what),
                calls(&work.usage, |sum| sum),
                trimmed(work.usage.read_units),
                trimmed(work.usage.write_units),
                megabytes(work.peak_bytes),
            ]);
        }
        rows
    }

    fn pairs(&self) -> impl Iterator<Item = (&Row, &Comparison)> {
        let compared = self.node.iter().flat_map(|node| &node.comparisons);
        compared.filter_map(|node| {
            let row = self.rows.iter().find(|row| row.name == node.name)?;
            Some((row, node))
        })
    }

    fn beside(&self, node: &Beside) -> Vec<Vec<String>> {
        let mut rows = vec![header(&["beside Node, which needs", "times as much"])];
        let mut ratio = |what: String, theirs: f64, ours: f64| {
            rows.push(vec![what, format!("{:.1}", theirs / ours)]);
        };
        let (theirs, ours) = (&node.started, &self.started);
        ratio("time to the first poll".into(), theirs.first_poll.p50, ours.first_poll.p50);
        ratio("time to the first answer".into(), theirs.first_answer.p50, ours.first_answer.p50);
        for (row, node) in self.pairs() {
            let name = row.name;
            ratio(format!("{name}: time, p50"), node.one.latency.p50, row.one.latency.p50);
            ratio(format!("{name}: time, p99"), node.one.latency.p99, row.one.latency.p99);
            let cpu = |measured: &Measured| 1.0 / measured.per_cpu_second();
            ratio(format!("{name}: CPU"), cpu(&node.one), cpu(&row.one));
            ratio(format!("{name}: CPU, several processes"), cpu(&node.several), cpu(&row.several));
            ratio(format!("{name}: memory"), count(node.one.peak_bytes), count(row.one.peak_bytes));
        }
        rows
    }
}

fn calls(usage: &Usage, share: impl Fn(f64) -> f64) -> String {
    let calls = usage.calls.iter();
    let calls = calls.map(|(name, calls)| format!("{} {name}", trimmed(share(count(*calls)))));
    calls.collect::<Vec<_>>().join(", ")
}

fn race_in_words(race: &Measured) -> String {
    let retries = count(race.usage.refused) / count(u64::try_from(race.requests).unwrap_or(1));
    format!(
        "32 processes that create tasks in one project: {:.0} creations a second, {:.2} lost races \
         for each (every one a transaction that is billed and written again), p50 {}, p99 {}; \
         every call goes over the counting hop.",
        race.per_second(),
        retries,
        milliseconds(race.latency.p50),
        milliseconds(race.latency.p99),
    )
}

fn both(latency: Latency) -> String {
    format!("{} / {}", number(latency.p50), milliseconds(latency.p99))
}

fn milliseconds(value: f64) -> String {
    format!("{} ms", number(value))
}

/// Three digits are all that a measurement is good for.
fn number(value: f64) -> String {
    let decimals = match value {
        value if value < 10.0 => 2,
        value if value < 100.0 => 1,
        _ => 0,
    };
    format!("{value:.decimals$}")
}

fn megabytes(bytes: u64) -> String {
    format!("{} MB", number(count(bytes) / 1_000_000.0))
}

fn average(sum: f64) -> f64 {
    sum / count(u64::try_from(COUNTED).unwrap_or(1))
}

/// Without decimals that are zero.
fn trimmed(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[allow(clippy::cast_precision_loss, reason = "counts and sizes are far below 2^52")]
fn count(value: u64) -> f64 {
    value as f64
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn measured(p50: f64, cpu_seconds: f64) -> Measured {
        Measured {
            latency: Latency { p50, p99: 2.0 * p50 },
            requests: 1_000,
            wall_seconds: 2.0,
            cpu_seconds,
            peak_bytes: 12_000_000,
            usage: Usage { refused: 2_500, ..Usage::default() },
        }
    }

    fn subject() -> SubjectReport {
        let latency = Latency { p50: 3.0, p99: 4.5 };
        let started =
            Started { first_poll: latency, first_answer: latency, resident_bytes: 9_000_000 };
        let size = Size { bytes: 8_500_000, zipped: 3_100_000 };
        let calls = BTreeMap::from([("Query".to_owned(), 16), ("PutItem".to_owned(), 8)]);
        let usage = Usage { calls, refused: 0, read_units: 16.0, write_units: 0.0 };
        let comparison =
            Comparison { name: "task_get", one: measured(2.0, 1.2), several: measured(4.0, 1.0) };
        SubjectReport {
            function: "planning-api",
            size,
            started: started.clone(),
            rows: vec![Row {
                name: "task_get",
                one: measured(0.7, 0.2),
                several: measured(1.0, 0.25),
                usage,
            }],
            race: Some(measured(20.0, 1.0)),
            works: Vec::new(),
            node: Some(Beside { size, started, comparisons: vec![comparison] }),
        }
    }

    fn row<'a>(rows: &'a [Vec<String>], name: &str) -> &'a [String] {
        rows.iter().find(|row| row[0] == name).expect(name)
    }

    #[test]
    fn goals_tell_what_was_missed() {
        let goals = subject().goals();
        assert_eq!(row(&goals, "start to first poll, p50")[3], "reached");
        assert_eq!(row(&goals, "task_get warm, p50")[2..], ["0.70 ms", "**missed**"]);
        let beside = row(&goals, "task_get, requests per CPU second beside Node");
        assert_eq!(beside[2..], ["6.0 times", "reached"]);
    }

    #[test]
    fn columns_hold_what_their_headers_say() {
        let subject = subject();
        assert_eq!(
            row(&subject.speeds(4), "task_get"),
            ["task_get", "0.70 / 1.40 ms", "5000", "500", "1.00 / 2.00 ms", "4000", "12.0 MB"]
        );
        assert_eq!(row(&subject.speeds(4), "task_get in Node")[2], "833");
        assert_eq!(
            row(&subject.consumption(), "task_get"),
            ["task_get", "0.5 PutItem, 1 Query", "1", "0"]
        );
        let node = subject.node.as_ref().expect("Node");
        assert_eq!(row(&subject.beside(node), "task_get: CPU, several processes")[1], "4.0");
        let race = race_in_words(subject.race.as_ref().expect("a race"));
        assert!(race.contains("500 creations a second, 2.50 lost races"), "{race}");
    }
}
