//! What the gateway serves of itself: `root.json` and the reference page, compiled into it at its
//! next build. The joined document comes from [`super::openapi`].

mod example;
mod operation;
mod schema;
mod text;

use anyhow::{Context, Result};
use gateway::Root;
use millwright_core::{Code, codes};
use millwright_manifest::Service;
use minijinja::{Environment, UndefinedBehavior, syntax::SyntaxConfig, value::Serde};
use serde::Serialize;
use serde_json::Value;

use self::{
    operation::OperationView,
    schema::{SchemaView, Schemas},
};
use super::output::Output;

const FOLDER: &str = "functions/gateway/src/generated";

/// The page, and what it includes.
const TEMPLATES: [(&str, &str); 5] = [
    ("reference.html", include_str!("../../../templates/reference.html.j2")),
    ("reference-operation.html", include_str!("../../../templates/reference-operation.html.j2")),
    ("reference-fields.html", include_str!("../../../templates/reference-fields.html.j2")),
    ("reference.css", include_str!("../../../templates/reference.css")),
    ("reference.js", include_str!("../../../templates/reference.js")),
];

pub(super) fn generate(services: &[Service], output: &mut Output) -> Result<()> {
    let root = serde_json::to_string_pretty(&Root::of(services))?;
    output.add(format!("{FOLDER}/root.json"), format!("{root}\n"))?;
    let page = render(&Page::of(services)).context("the reference page cannot be rendered")?;
    output.add(format!("{FOLDER}/reference.html"), page)
}

fn render(page: &Page) -> Result<String> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_syntax(
        SyntaxConfig::builder()
            .trim_blocks(true)
            .lstrip_blocks(true)
            .keep_trailing_newline(true)
            .build()?,
    );
    for (name, source) in TEMPLATES {
        environment.add_template(name, source)?;
    }
    Ok(environment.get_template("reference.html")?.render(Serde(page))?)
}

/// All the page is rendered from; members that end in `html` are markup already.
#[derive(Debug, Serialize)]
struct Page {
    version: &'static str,
    services: Vec<ServiceView>,
    shared_codes: Vec<CodeView>,
    operation_count: usize,
}

#[derive(Debug, Serialize)]
struct ServiceView {
    name: &'static str,
    summary: &'static str,
    base_paths: Vec<String>,
    groups: Vec<Group>,
    codes: Vec<CodeView>,
    schemas: Vec<SchemaView>,
}

/// The operations of one tag.
#[derive(Debug, Serialize)]
struct Group {
    id: String,
    tag: String,
    operations: Vec<OperationView>,
}

/// A problem code.
#[derive(Debug, Serialize)]
struct CodeView {
    name: &'static str,
    status: u16,
    title: &'static str,
}

impl Page {
    fn of(services: &[Service]) -> Page {
        // What a reader came for first, the gateway's own operations last.
        let (with_base, without): (Vec<&Service>, Vec<&Service>) =
            services.iter().partition(|service| !service.bases.is_empty());
        let services: Vec<ServiceView> = with_base
            .into_iter()
            .chain(without)
            .filter(|service| !service.operations.is_empty())
            .map(ServiceView::of)
            .collect();
        Page {
            version: env!("CARGO_PKG_VERSION"),
            operation_count: services
                .iter()
                .flat_map(|service| &service.groups)
                .map(|group| group.operations.len())
                .sum(),
            services,
            shared_codes: code_views(codes::ALL),
        }
    }
}

impl ServiceView {
    fn of(service: &Service) -> ServiceView {
        let document = (service.openapi)();
        let schemas = Schemas::of(service.name, &document);
        let mut groups: Vec<Group> = Vec::new();
        for operation in &service.operations {
            let method = operation.method.as_str().to_ascii_lowercase();
            let described = &document["paths"][operation.path.replace("{*", "{")][&method];
            let tag = described["tags"][0].as_str().unwrap_or(service.name);
            let view = OperationView::of(service, operation, described, &schemas);
            match groups.iter_mut().find(|group| group.tag == tag) {
                Some(group) => group.operations.push(view),
                None => {
                    let id = format!("{}-{}", service.name, tag.to_lowercase().replace(' ', "-"));
                    groups.push(Group { id, tag: tag.to_owned(), operations: vec![view] });
                }
            }
        }
        groups.sort_by_key(|group| group.tag == "Health");
        ServiceView {
            name: service.name,
            summary: service.summary,
            base_paths: service.bases.iter().map(|base| format!("/api/v1/{base}")).collect(),
            groups,
            codes: code_views(service.codes),
            schemas: schemas.answered(&document["paths"]),
        }
    }
}

fn code_views(codes: &[Code]) -> Vec<CodeView> {
    let mut views: Vec<CodeView> = codes
        .iter()
        .map(|code| CodeView {
            name: code.name,
            status: millwright_http::status(code.kind).as_u16(),
            title: code.title,
        })
        .collect();
    views.sort_by_key(|code| code.status);
    views
}

/// The members of an object; none of anything else.
fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_shows_every_operation_and_loads_nothing() {
        let services = all::services();
        let page = render(&Page::of(&services)).expect("rendered");
        for service in &services {
            for operation in &service.operations {
                let anchor = format!("id=\"{}.{}\"", service.name, operation.name);
                assert_eq!(page.matches(&anchor).count(), 1, "{anchor}");
            }
        }
        for outside in ["<link rel=\"stylesheet", "src=", "@import", "url(", " style=\""] {
            assert!(!page.contains(outside), "{outside}");
        }
    }

    #[test]
    fn every_link_within_the_page_has_its_target_and_every_id_is_one() {
        let page = render(&Page::of(&all::services())).expect("rendered");
        let mut ids: Vec<&str> = page
            .split(" id=\"")
            .skip(1)
            .filter_map(|rest| rest.split_once('"').map(|(id, _)| id))
            .collect();
        let count = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), count);
        for link in page.split("href=\"#").skip(1) {
            let (target, _) = link.split_once('"').expect("closed");
            assert!(ids.binary_search(&target).is_ok(), "#{target}");
        }
    }
}
