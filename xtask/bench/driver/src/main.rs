//! The driver of `cargo xtask bench`: serves until it is ended.

#![allow(
    clippy::disallowed_methods,
    reason = "a tool on the developer's machine reads its clock and environment"
)]
#![allow(unreachable_pub, reason = "nothing of a binary is public; pub marks what a module offers")]

mod counter;
mod double;
mod files;
mod instance;
mod measure;
mod resources;

use std::{io::Write, sync::Arc};

use anyhow::{Context, Result};
use axum::{
    Json, Router,
    body::Bytes,
    extract::{DefaultBodyLimit, State},
    http::StatusCode,
    routing::post,
};
use millwright_bench_driver::{
    Addresses, Beside, Command, Invoke, Launch, Measure, Probe, Provide, Start,
};
use tokio::{net::TcpListener, sync::Mutex};

use crate::{counter::Counter, double::Surroundings, files::Files, instance::Instance};

/// What the commands share.
pub struct Driver {
    dynamodb: String,
    counter: Arc<Counter>,
    around: Arc<Surroundings>,
    fleet: Vec<Instance>,
}

type Shared = Arc<Mutex<Driver>>;

// One thread for everything but DynamoDB: no request waits for another thread to wake up.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let dynamodb = double::serve_dynamodb()?;
    let counter = Arc::new(Counter::of(&dynamodb)?);
    let counted = serve(counter.clone().routes()).await?;
    let around = Arc::new(Surroundings::default());
    let around_address = serve(around.clone().routes()).await?;
    let files = serve(Arc::new(Files::default()).routes()).await?;
    let driver = Driver { dynamodb: dynamodb.clone(), counter, around, fleet: Vec::new() };
    let control = Router::new()
        .route(Provide::PATH, post(provide))
        .route(Beside::PATH, post(beside))
        .route(Start::PATH, post(start))
        .route(Launch::PATH, post(launch))
        .route(Invoke::PATH, post(invoke))
        .route(Measure::PATH, post(run_measure))
        .route(Probe::PATH, post(probe))
        // Thousands of events in one command.
        .layer(DefaultBodyLimit::disable())
        .with_state(Arc::new(Mutex::new(driver)));
    let control = serve(control).await?;
    let addresses = Addresses { control, dynamodb, counted, around: around_address, files };
    let mut out = std::io::stdout();
    writeln!(out, "{}", serde_json::to_string(&addresses)?)
        .context("nobody reads the addresses")?;
    std::future::pending().await
}

/// Serves on a free port of loopback; its URL.
pub async fn serve(routes: Router) -> Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await.context("no free port")?;
    let address = listener.local_addr()?;
    tokio::spawn(async move { axum::serve(listener, routes).await });
    Ok(format!("http://{address}"))
}

type Answered<C> = Result<Json<<C as Command>::Answer>, (StatusCode, String)>;

fn failed(error: anyhow::Error) -> (StatusCode, String) {
    (StatusCode::INTERNAL_SERVER_ERROR, format!("{error:#}"))
}

async fn provide(State(driver): State<Shared>, Json(command): Json<Provide>) -> Answered<Provide> {
    driver.lock().await.around.provide(command);
    Ok(Json(()))
}

async fn beside(State(driver): State<Shared>, Json(command): Json<Beside>) -> Answered<Beside> {
    let driver = driver.lock().await;
    let instance = Instance::start(&command.function).await.map_err(failed)?;
    driver.around.put_beside(command.name, instance).await;
    Ok(Json(()))
}

async fn start(State(driver): State<Shared>, Json(command): Json<Start>) -> Answered<Start> {
    driver.lock().await.fleet.clear();
    measure::start(&command).await.map(Json).map_err(failed)
}

async fn launch(State(driver): State<Shared>, Json(command): Json<Launch>) -> Answered<Launch> {
    let mut driver = driver.lock().await;
    driver.fleet.clear();
    for _ in 0..command.processes {
        driver.fleet.push(Instance::start(&command.function).await.map_err(failed)?);
    }
    Ok(Json(()))
}

async fn invoke(State(driver): State<Shared>, Json(command): Json<Invoke>) -> Answered<Invoke> {
    let mut driver = driver.lock().await;
    if let Some(name) = &command.beside {
        let event = Bytes::from(command.event.to_string());
        let answer = driver.around.invoke(name, event).await.map_err(failed)?;
        return measure::beside(&answer).map(Json).map_err(failed);
    }
    let Driver { fleet, counter, .. } = &mut *driver;
    measure::invoke(fleet, counter, &command).await.map(Json).map_err(failed)
}

async fn run_measure(
    State(driver): State<Shared>,
    Json(command): Json<Measure>,
) -> Answered<Measure> {
    let mut driver = driver.lock().await;
    let Driver { fleet, counter, .. } = &mut *driver;
    measure::measure(fleet, counter, &command).await.map(Json).map_err(failed)
}

async fn probe(State(driver): State<Shared>, Json(command): Json<Probe>) -> Answered<Probe> {
    let dynamodb = driver.lock().await.dynamodb.clone();
    measure::probe(&dynamodb, &command).await.map(Json).map_err(failed)
}
