//! The measurements, one after another.

use std::{
    collections::VecDeque,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, Result, ensure};
use millwright_bench_driver::{Carry, Latency, Measure, Measured, Probe, Start, Started, Usage};
use millwright_identity::issuer::Issuer;
use serde_json::{Value, json};

use super::{
    Options,
    node::NodeFunction,
    report::{Beside, Comparison, Double, Row, SubjectReport},
    scenario::{Repetition, Request, Scenario, Subject},
    size::Size,
    stage::{Candidate, Neighbour, Stage, Way, body},
    work,
};
use crate::output;

/// Clients that want the next number of one project at once.
const RACERS: usize = 32;

/// Calls whose consumption is averaged.
pub const COUNTED: usize = 16;

pub struct Bench<'a> {
    driver: &'a Path,
    issuer: Arc<Issuer>,
    node: Option<&'a NodeFunction>,
    /// Beginnings of the names of wanted rows; all if empty.
    only: &'a [String],
    requests: usize,
    processes: usize,
    /// Not measured, for each process: Node's compiler is warm after some hundred.
    warm_up: usize,
    starts: usize,
    /// The folder with the functions.
    programs: &'a Path,
}

impl<'a> Bench<'a> {
    pub fn new(
        options: &'a Options,
        (driver, programs): (&'a Path, &'a Path),
        issuer: Arc<Issuer>,
        node: Option<&'a NodeFunction>,
    ) -> Bench<'a> {
        let share = if options.quick { 10 } else { 1 };
        Bench {
            driver,
            issuer,
            node,
            only: &options.only,
            requests: usize::try_from(options.requests).unwrap_or(usize::MAX) / share,
            processes: usize::try_from(options.processes).unwrap_or(usize::MAX),
            warm_up: 1_000 / share,
            starts: 50 / share,
            programs,
        }
    }

    fn wants(&self, row: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|name| row.starts_with(name))
    }

    /// Everything about one function.
    pub async fn subject(&self, subject: &Subject) -> Result<SubjectReport> {
        output::heading(subject.function);
        let program = self.programs.join(subject.function);
        let own = Candidate { program: &program, arguments: &[] };
        // The SDK warns that Node 20 grows old, once for each process.
        let arguments =
            self.node.map(|node| ["--no-warnings".to_owned(), node.bundle.display().to_string()]);
        let node = self.node.zip(arguments.as_ref()).map(|(node, arguments)| NodeCandidate {
            function: node,
            candidate: Candidate { program: &node.node, arguments },
        });
        let mut report = SubjectReport {
            function: subject.function,
            size: Size::of(&program)?,
            started: self.start(subject, own, own).await?,
            rows: Vec::new(),
            race: None,
            works: Vec::new(),
            node: None,
        };
        let mut comparisons = Vec::new();
        for scenario in subject.scenarios.iter().filter(|scenario| self.wants(scenario.name)) {
            let row = self.row(subject, scenario, own).await?;
            if let Some(node) = node.as_ref().filter(|_| scenario.is_in_node) {
                comparisons.push(self.compare(subject, scenario, own, node, &row).await?);
            }
            report.rows.push(row);
        }
        if let Some(node) = node.filter(|_| !comparisons.is_empty()) {
            report.node = Some(Beside {
                size: Size::of(&node.function.bundle)?,
                started: self.start(subject, own, node.candidate).await?,
                comparisons,
            });
        }
        let race = subject.scenarios.iter().find(|scenario| subject.race == Some(scenario.name));
        if let Some(race) = race.filter(|race| self.wants(race.name)) {
            report.race = Some(self.race(subject, race, own).await?);
        }
        for work in subject.works.iter().filter(|work| self.wants(work.name)) {
            let worker = self.programs.join(work.function);
            let open = async || self.open(subject, own).await;
            report.works.push(work::measure(open, subject, work, &worker).await?);
        }
        Ok(report)
    }

    async fn open(&self, subject: &Subject, own: Candidate<'_>) -> Result<Stage> {
        let programs: Vec<(&str, PathBuf)> =
            subject.beside.iter().map(|(_, name)| (*name, self.programs.join(name))).collect();
        let neighbours: Vec<Neighbour<'_>> =
            programs.iter().map(|(function, program)| Neighbour { function, program }).collect();
        Stage::open(self.driver, self.issuer.clone(), subject, own, &neighbours).await
    }

    /// From the start of a process to its first poll and first answer.
    async fn start(
        &self,
        subject: &Subject,
        own: Candidate<'_>,
        candidate: Candidate<'_>,
    ) -> Result<Started> {
        let stage = self.open(subject, own).await?;
        let first = subject.scenarios.iter().find(|scenario| scenario.name == subject.first);
        let first = first.context("the first request is no row")?;
        let mut event = stage.events(first, 0, 1).into_iter().next().context("no first request")?;
        if let Some(carry) = carry(&stage, first, 0) {
            event = carrying(&event, carry.first.first().map_or("", String::as_str))?;
        }
        let function = stage.function(candidate, Way::Direct);
        let started = stage.driver.run(&Start { function, event, times: self.starts }).await?;
        output::progress(format_args!(
            "start: first poll after {:.1} ms, first answer after {:.1} ms",
            started.first_poll.p50, started.first_answer.p50
        ));
        Ok(started)
    }

    async fn row(&self, subject: &Subject, scenario: &Scenario, own: Candidate<'_>) -> Result<Row> {
        let stage = self.open(subject, own).await?;
        let usage = self.usage(&stage, scenario, own).await?;
        let [one, several] = self.speeds(&stage, scenario, own).await?;
        let name = scenario.name;
        output::progress(format_args!(
            "{name}: p50 {:.2} ms, p99 {:.2} ms, {:.0} a CPU second",
            one.latency.p50,
            one.latency.p99,
            one.per_cpu_second()
        ));
        Ok(Row { name, one, several, usage })
    }

    /// With one process, and with several.
    async fn speeds(
        &self,
        stage: &Stage,
        scenario: &Scenario,
        candidate: Candidate<'_>,
    ) -> Result<[Measured; 2]> {
        // Where requests are sent once, the two have different ones.
        let extent = self.extent(stage, scenario);
        let first = COUNTED * 2;
        let one = self.measure(stage, scenario, candidate, 1, extent.at(first, CARRIED)).await?;
        let first = first + extent.numbers(1);
        let several =
            self.measure(stage, scenario, candidate, self.processes, extent.at(first, 2 * CARRIED));
        Ok([one, several.await?])
    }

    /// How much is measured: what was asked for, or as much as there is.
    fn extent(&self, stage: &Stage, scenario: &Scenario) -> Extent {
        let Repetition::Once(name) = scenario.repetition else {
            return Extent { first: 0, carried: 0, warm_up: self.warm_up, requests: self.requests };
        };
        let left = stage.world.all(name).len().saturating_sub(COUNTED * 2);
        // One warm-up for each process, and six times as many requests, both doubled.
        let share = left / (1 + self.processes + 4 * 6);
        Extent { first: 0, carried: 0, warm_up: share, requests: 6 * share }
    }

    async fn measure(
        &self,
        stage: &Stage,
        scenario: &Scenario,
        candidate: Candidate<'_>,
        processes: usize,
        extent: Extent,
    ) -> Result<Measured> {
        stage.launch(candidate, Way::Direct, processes).await?;
        let measure = Measure {
            events: stage.events(scenario, extent.first, extent.numbers(processes)),
            status: scenario.status,
            warm_up: extent.warm_up,
            requests: extent.requests,
            carry: carry(stage, scenario, extent.carried),
        };
        let measured = stage.driver.run(&measure).await;
        measured.with_context(|| format!("{} over {processes} processes", scenario.name))
    }

    /// Calls and units of one request, of a process that has seen the things before.
    async fn usage(&self, stage: &Stage, scenario: &Scenario, own: Candidate<'_>) -> Result<Usage> {
        stage.launch(own, Way::Counted, 1).await?;
        let events = stage.events(scenario, 0, COUNTED * 2);
        let mut sum = Usage::default();
        let carry = carry(stage, scenario, 0);
        let mut texts: VecDeque<String> =
            carry.iter().flat_map(|carry| carry.first.iter().cloned()).collect();
        for (index, event) in events.iter().cycle().take(COUNTED * 2).enumerate() {
            let event = match texts.pop_front() {
                Some(text) => carrying(event, &text)?,
                None => event.clone(),
            };
            let (answer, usage) = stage.invoke(event, Some(scenario.status)).await?;
            if let Some(carry) = &carry {
                let next = answer.pointer(&carry.pointer).and_then(Value::as_str);
                texts.extend(next.and_then(|next| next.split(';').next()).map(str::to_owned));
            }
            if index < COUNTED {
                continue;
            }
            sum.add(&usage);
        }
        Ok(sum)
    }

    /// The Node function on a stage like the one our own had.
    async fn compare(
        &self,
        subject: &Subject,
        scenario: &Scenario,
        own: Candidate<'_>,
        node: &NodeCandidate<'_>,
        row: &Row,
    ) -> Result<Comparison> {
        let stage = self.open(subject, own).await?;
        agree(&stage, scenario, own, node.candidate).await.context("our function and Node's")?;
        let [one, several] = self.speeds(&stage, scenario, node.candidate).await?;
        output::progress(format_args!(
            "{} in Node: p50 {:.2} ms, {:.0} a CPU second, ours does {:.1} times as many",
            scenario.name,
            one.latency.p50,
            one.per_cpu_second(),
            row.one.per_cpu_second() / one.per_cpu_second()
        ));
        Ok(Comparison { name: scenario.name, one, several })
    }

    /// Many processes, one thing: how many get through, and what the lost races cost.
    async fn race(
        &self,
        subject: &Subject,
        scenario: &Scenario,
        own: Candidate<'_>,
    ) -> Result<Measured> {
        let stage = self.open(subject, own).await?;
        stage.launch(own, Way::Counted, RACERS).await?;
        let event = stage.events(scenario, 0, 1).into_iter().next().context("no request")?;
        let measure = Measure {
            events: vec![event],
            status: scenario.status,
            warm_up: 5,
            requests: self.requests / 2,
            carry: None,
        };
        let race = stage.driver.run(&measure).await.context("the race")?;
        output::progress(format_args!(
            "{} of {RACERS} at once: {:.0} a second",
            scenario.name,
            race.per_second()
        ));
        Ok(race)
    }

    /// What the double takes by itself, to be subtracted.
    pub async fn double(&self, subject: &Subject) -> Result<Double> {
        let program = self.programs.join(subject.function);
        let stage = self.open(subject, Candidate { program: &program, arguments: &[] }).await?;
        let table = stage.table(subject.service);
        let text = |text: &str| json!({ "S": text });
        let (key, sort_key) = (text("BENCH"), text("HEAD"));
        let item = json!({ "pk": key, "sk": sort_key, "summary": text(&"x".repeat(500)) });
        let put = json!({ "TableName": table, "Item": item });
        let get = json!({
            "TableName": table, "ConsistentRead": true, "Key": { "pk": key, "sk": sort_key },
        });
        let query = json!({
            "TableName": table,
            "ConsistentRead": true,
            "KeyConditionExpression": "pk = :pk AND begins_with(sk, :prefix)",
            "ExpressionAttributeValues": { ":pk": key, ":prefix": sort_key },
        });
        let probe = async |operation: &str, body: Value| -> Result<Latency> {
            let operation = operation.to_owned();
            stage.driver.run(&Probe { operation, body, requests: self.requests }).await
        };
        Ok(Double {
            put: probe("PutItem", put).await?,
            get: probe("GetItem", get).await?,
            query: probe("Query", query).await?,
        })
    }
}

/// The part of the requests that one measurement uses.
#[derive(Clone, Copy)]
struct Extent {
    first: usize,
    /// The texts to carry that are used already.
    carried: usize,
    warm_up: usize,
    requests: usize,
}

impl Extent {
    fn at(self, first: usize, carried: usize) -> Extent {
        Extent { first, carried, ..self }
    }

    /// Enough requests for all processes, even if one of them does twice its part.
    fn numbers(self, processes: usize) -> usize {
        processes * self.warm_up + 2 * self.requests
    }
}

/// Texts that one measurement carries: nobody may renew one of them too often in a minute.
pub const CARRIED: usize = 400;

/// What the processes begin with, each with a text that nobody has had before.
fn carry(stage: &Stage, scenario: &Scenario, used: usize) -> Option<Carry> {
    let Repetition::Carried { pointer, first } = scenario.repetition else { return None };
    let first = stage.world.all(first).iter().skip(used).take(CARRIED).cloned().collect();
    Some(Carry { pointer: pointer.to_owned(), first })
}

/// The event with this text to carry in it.
fn carrying(event: &Value, text: &str) -> Result<Value> {
    Ok(serde_json::from_str(&event.to_string().replace(Carry::PLACE, text))?)
}

struct NodeCandidate<'a> {
    function: &'a NodeFunction,
    candidate: Candidate<'a>,
}

/// What is compared must do the same: our function reads what the other one reads, or has written.
async fn agree(
    stage: &Stage,
    scenario: &Scenario,
    own: Candidate<'_>,
    other: Candidate<'_>,
) -> Result<()> {
    let event = stage.events(scenario, 0, 1).into_iter().next().context("no request")?;
    stage.launch(other, Way::Direct, 1).await?;
    let (theirs, _) = stage.invoke(event.clone(), Some(scenario.status)).await?;
    let read = match theirs["headers"]["location"].as_str() {
        Some(path) => stage.event(&Request::get(path)),
        None => event,
    };
    stage.launch(own, Way::Direct, 1).await?;
    let (ours, _) = stage.invoke(read, None).await?;
    let (ours, theirs) = (body(&ours)?, body(&theirs)?);
    ensure!(ours == theirs, "answers differ: ours {ours}, Node's {theirs}");
    Ok(())
}
