//! /ai/openai/v1/chat/completions, /ai/anthropic/v1/messages

mod cached;
mod fares;
mod leases;
mod limits;
mod log;
mod plain;
mod quotas;
pub mod scene;
mod shapes;
mod streams;
mod tests;
pub mod upstream;
