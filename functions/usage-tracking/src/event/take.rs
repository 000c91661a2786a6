//! Taking events: checked, put into the queue, answered.

use std::borrow::Cow;

use axum::{
    body::to_bytes,
    extract::{FromRequest, Request, State},
    response::{IntoResponse, Response},
};
use http::{HeaderMap, StatusCode, header};
use millwright_core::{Error, Fault, FaultCode, Faults, OrgId, Result, Timestamp, codes as shared};
use millwright_http::{
    Allowed, Answered, BatchResult, BatchResults, Caller, Describe, OperationDocument, Plain,
    Problem,
};
use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ArrayBuilder, RefOr, Schema},
};

use crate::{
    app::UsageTracking,
    codes,
    domain::{Sender, UsageEvent, usage_event_id},
    ingest::{IngestMessage, check_time},
    permissions::EventCreate,
};

/// What a message of the queue holds with its envelope.
const MAX_BYTES: usize = 900 * 1024;
/// The most events of a batch.
const MAX_EVENTS: usize = 100;
const MAX_DEPTH: usize = 64;

const STRUCTURED: &str = "application/cloudevents+json";
const BATCH: &str = "application/cloudevents-batch+json";

/// A CloudEvent 1.0. Further attributes are extensions: lower-case letters and digits.
#[derive(Debug, ToSchema)]
#[schema(example = json!({
    "specversion": "1.0", "id": "build-1", "source": "/ci", "type": "ci.build.finished",
    "time": "2026-11-23T01:04:00Z", "data": { "seconds": 84.5, "runner": "large" },
}))]
#[allow(dead_code, reason = "describes what is read from its digits")]
pub struct CloudEvent {
    /// `1.0`.
    specversion: String,
    /// With `source` it tells a duplicate.
    #[schema(min_length = 1, max_length = 200)]
    id: String,
    #[schema(min_length = 1, max_length = 200)]
    source: String,
    /// Lower-cased.
    #[serde(rename = "type")]
    #[schema(rename = "type", min_length = 1, max_length = 128)]
    kind: String,
    /// Not older than 35 days; without it the time of receipt.
    #[schema(required = false)]
    time: Option<Timestamp>,
    #[schema(required = false, max_length = 200)]
    subject: Option<String>,
    /// At most 32 KB, nested at most 16 deep.
    #[schema(required = false, value_type = Object)]
    data: Option<Value>,
    #[schema(required = false)]
    userid: Option<String>,
    #[schema(required = false)]
    teamid: Option<String>,
    #[schema(required = false)]
    projectid: Option<String>,
    #[schema(required = false)]
    reservationid: Option<String>,
}

/// 1-100 of them.
#[derive(Debug)]
pub struct CloudEvents;

impl PartialSchema for CloudEvents {
    #[allow(deprecated, reason = "an example is one, as the derive writes it")]
    fn schema() -> RefOr<Schema> {
        let example = json!([{
            "specversion": "1.0", "id": "build-2", "source": "/ci", "type": "ci.build.finished",
            "data": { "seconds": 12, "runner": "small" },
        }]);
        let array = ArrayBuilder::new()
            .items(CloudEvent::schema())
            .min_items(Some(1))
            .max_items(Some(MAX_EVENTS))
            .example(Some(example));
        RefOr::T(Schema::Array(array.build()))
    }
}

impl ToSchema for CloudEvents {}

/// Where an accepted event can be read once it is counted.
#[derive(Debug, ToSchema)]
#[schema(example = json!({ "id": "uev_01jdz7xk2nf5h9vq3w8c6m4t0b" }))]
#[allow(dead_code, reason = "describes an answer")]
pub struct TakenEvent {
    id: String,
}

/// The events of a request, as they were sent.
#[derive(Debug)]
pub enum Sent {
    One(String),
    Several(Vec<String>),
}

impl Sent {
    async fn read(request: Request) -> Result<Sent> {
        let (parts, body) = request.into_parts();
        let too_large = || Error::new(shared::TOO_LARGE, format!("at most {MAX_BYTES} bytes"));
        let bytes = to_bytes(body, MAX_BYTES).await.map_err(|_| too_large())?;
        let malformed = |detail: String| Error::fault("", FaultCode::BadFormat, detail);
        let text = String::from_utf8(bytes.to_vec())
            .map_err(|_| malformed("the body is not UTF-8".to_owned()))?;
        if crate::domain::depth(&text) > MAX_DEPTH {
            return Err(malformed(format!("the body is nested deeper than {MAX_DEPTH} levels")));
        }
        let media_type = media_type(&parts.headers);
        if parts.headers.contains_key("ce-specversion") || parts.headers.contains_key("ce-id") {
            return binary(&parts.headers, &media_type, &text).map(Sent::One);
        }
        match media_type.as_str() {
            BATCH => several(&text),
            STRUCTURED => Ok(Sent::One(text)),
            "application/json" if text.trim_start().starts_with('[') => several(&text),
            "application/json" => Ok(Sent::One(text)),
            _ => {
                let detail = "send application/json, a CloudEvent in JSON, or a batch of them";
                Err(Error::new(shared::UNSUPPORTED_MEDIA_TYPE, detail))
            }
        }
    }
}

fn media_type(headers: &HeaderMap) -> String {
    let text = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = text.and_then(|value| value.split(';').next()).unwrap_or_default();
    essence.trim().to_ascii_lowercase()
}

fn several(text: &str) -> Result<Sent> {
    let events: Vec<&RawValue> = serde_json::from_str(text).map_err(|error| {
        Error::fault("", FaultCode::BadFormat, format!("must be an array of CloudEvents: {error}"))
    })?;
    let refused = match events.len() {
        0 => Some((FaultCode::TooShort, "must have an event")),
        n if n > MAX_EVENTS => Some((FaultCode::TooLong, "must have at most 100 events")),
        _ => None,
    };
    match refused {
        Some((code, detail)) => Err(Error::fault("", code, detail)),
        None => Ok(Sent::Several(events.into_iter().map(|it| it.get().to_owned()).collect())),
    }
}

/// Binary mode: attributes in headers `ce-…`, percent-encoded; the data in the body.
/// <https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md>
fn binary(headers: &HeaderMap, media_type: &str, body: &str) -> Result<String> {
    if !body.is_empty() && media_type != "application/json" {
        let detail = "data is JSON: send Content-Type: application/json";
        return Err(Error::new(shared::UNSUPPORTED_MEDIA_TYPE, detail));
    }
    let mut event = serde_json::Map::new();
    for (name, value) in headers {
        let Some(name) = name.as_str().strip_prefix("ce-") else { continue };
        let bad = || {
            let fault = Fault::new(format!("header:ce-{name}"), FaultCode::BadFormat, "no text");
            Error::from(Faults::of(fault))
        };
        let text = value.to_str().map_err(|_| bad())?;
        let text: Cow<'_, str> =
            percent_encoding::percent_decode_str(text).decode_utf8().map_err(|_| bad())?;
        event.insert(name.to_owned(), text.into_owned().into());
    }
    let mut text = Value::Object(event).to_string();
    if !body.is_empty() {
        // As it was written: digits must not go through a float.
        let data: &RawValue = serde_json::from_str(body).map_err(|error| {
            Error::fault("/data", FaultCode::BadFormat, format!("must be JSON: {error}"))
        })?;
        text.pop();
        text.push_str(",\"data\":");
        text.push_str(data.get());
        text.push('}');
    }
    Ok(text)
}

/// One or several CloudEvents, as `event_ingest` takes them.
pub struct AnyEvents(pub Sent);

/// Several CloudEvents.
pub struct EventBatch(pub Vec<String>);

impl<S: Send + Sync> FromRequest<S> for AnyEvents {
    type Rejection = Problem;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Problem> {
        Ok(AnyEvents(Sent::read(request).await?))
    }
}

impl<S: Send + Sync> FromRequest<S> for EventBatch {
    type Rejection = Problem;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Problem> {
        match Sent::read(request).await? {
            Sent::Several(events) => Ok(EventBatch(events)),
            Sent::One(_) => {
                let detail = "must be an array of CloudEvents";
                Err(Error::fault("", FaultCode::WrongType, detail).into())
            }
        }
    }
}

impl Describe for AnyEvents {
    fn describe(document: &mut OperationDocument) {
        document.body::<CloudEvent>();
        document.body_also_as(STRUCTURED);
    }
}

impl Describe for EventBatch {
    fn describe(document: &mut OperationDocument) {
        document.body::<CloudEvents>();
        document.body_also_as(BATCH);
    }
}

/// 202 with the id of the event, or the results of a batch.
pub enum Taken {
    One(String),
    Several(BatchResults),
}

impl IntoResponse for Taken {
    fn into_response(self) -> Response {
        match self {
            Taken::One(id) => {
                let json = [(header::CONTENT_TYPE, "application/json")];
                (StatusCode::ACCEPTED, json, json!({ "id": id }).to_string()).into_response()
            }
            Taken::Several(results) => Plain(results).into_response(),
        }
    }
}

impl Describe for Taken {
    fn describe(document: &mut OperationDocument) {
        Plain::<BatchResults>::describe(document);
        document.answer::<TakenEvent>(202, "Durable, countable within seconds");
    }
}

#[derive(Deserialize)]
struct Tenancy<'a> {
    #[serde(borrow, default)]
    orgid: Option<Cow<'a, str>>,
}

/// An event that may be sent by this caller now.
///
/// # Errors
/// `invalid_request` with all faults, `event_too_old`, `event_in_future`, `tenant_mismatch`.
pub fn accept(caller: &Caller, text: &str, now: Timestamp) -> Result<(String, UsageEvent)> {
    let event = UsageEvent::read(text, Sender { person: caller.user() })?;
    let organization = organization(caller)?;
    let tenancy: Tenancy<'_> = serde_json::from_str(text)
        .map_err(|_| Error::fault("/orgid", FaultCode::WrongType, "must be a text"))?;
    if tenancy.orgid.is_some_and(|orgid| orgid != organization.to_string()) {
        return Err(Error::new(codes::TENANT_MISMATCH, "orgid is not your organization"));
    }
    if let Some(time) = event.time {
        check_time(time, now).map_err(|it| Error::new(it.code, it.detail))?;
    }
    let id = usage_event_id(organization, &event.source, &event.id);
    Ok((id.to_string(), event))
}

/// # Errors
/// `forbidden` without an organization.
pub fn organization(caller: &Caller) -> Result<OrgId> {
    let organization = caller.tenant().organization();
    organization.ok_or_else(|| Error::new(shared::FORBIDDEN, "no organization"))
}

impl UsageTracking {
    /// Puts accepted events into the queue. One SendMessage.
    ///
    /// # Errors
    /// `ingest_unavailable`; `too_large`.
    pub async fn enqueue(&self, caller: &Caller, events: Vec<UsageEvent>) -> Result<()> {
        let message = IngestMessage {
            organization_id: organization(caller)?,
            received_at: self.usage.store.clock().now(),
            events,
        };
        let body = message.to_body()?;
        if body.len() > 1024 * 1024 {
            return Err(Error::new(shared::TOO_LARGE, "send fewer events at once"));
        }
        self.queue.send(&body).await.map_err(|error| {
            Error::new(codes::INGEST_UNAVAILABLE, "nothing was taken: send it again")
                .retry_after(std::time::Duration::from_secs(1))
                .because(error)
        })
    }
}

async fn take_several(
    app: &UsageTracking,
    caller: &Caller,
    texts: Vec<String>,
) -> Result<BatchResults> {
    let now = app.usage.store.clock().now();
    let mut events = Vec::with_capacity(texts.len());
    let mut results = Vec::with_capacity(texts.len());
    for text in texts {
        match accept(caller, &text, now) {
            Ok((id, event)) => {
                events.push(event);
                results.push(BatchResult {
                    status: StatusCode::ACCEPTED.as_u16(),
                    id: Some(id),
                    version: None,
                    problem: None,
                });
            }
            Err(error) => results.push(BatchResult::refused(&error)),
        }
    }
    if !events.is_empty() {
        app.enqueue(caller, events).await?;
    }
    Ok(BatchResults { results })
}

/// Send a usage event
///
/// A CloudEvent 1.0 in structured mode (`application/cloudevents+json` or `application/json`) or in
/// binary mode (attributes in headers `ce-…`); a batch of them
/// (`application/cloudevents-batch+json`) is answered as `event_ingest_batch` does. What is
/// accepted is durable and counted within seconds, once, however often it is sent: `source` and
/// `id` tell duplicates. A person sends usage of nobody but themselves. No call of the table, one
/// message.
#[utoipa::path(post, path = "/api/v1/usage/events", tag = "Events")]
pub async fn event_ingest(
    caller: Allowed<EventCreate>,
    State(app): State<UsageTracking>,
    AnyEvents(sent): AnyEvents,
) -> Answered<Taken> {
    match sent {
        Sent::One(text) => {
            let (id, event) = accept(&caller, &text, app.usage.store.clock().now())?;
            app.enqueue(&caller, vec![event]).await?;
            Ok(Taken::One(id))
        }
        Sent::Several(texts) => Ok(Taken::Several(take_several(&app, &caller, texts).await?)),
    }
}

/// Send usage events
///
/// 1 to 100 CloudEvents, at most 900 KB, each accepted or refused for itself; the accepted ones are
/// one message. No call of the table.
#[utoipa::path(post, path = "/api/v1/usage/events/batch", tag = "Events")]
pub async fn event_ingest_batch(
    caller: Allowed<EventCreate>,
    State(app): State<UsageTracking>,
    EventBatch(texts): EventBatch,
) -> Answered<Plain<BatchResults>> {
    Ok(Plain(take_several(&app, &caller, texts).await?))
}
